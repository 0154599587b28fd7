"""What several runs say together: sweeps, comparisons and studies."""
