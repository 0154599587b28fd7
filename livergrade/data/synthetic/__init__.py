"""The synthetic cohort: invented patients with H&E-like images."""
