"""From a manifest or a folder to batches of views; knows nothing of models or of Hydra."""
