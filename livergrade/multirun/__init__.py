"""Joint analysis of several runs: sweeps, comparisons and hyperparameter searches."""
