"""Metrics and confidence intervals computed from ``predictions.csv``; imports no torch."""
