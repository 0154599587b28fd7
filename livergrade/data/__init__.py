"""Data pipeline from a manifest or folder to batches of views; independent of models and Hydra."""
