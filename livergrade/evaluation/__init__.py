"""Every number that follows from ``predictions.csv``, with its interval; no torch."""
