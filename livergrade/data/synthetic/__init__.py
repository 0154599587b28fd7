"""The embedded cohort: made-up patients with H&E-like images."""
