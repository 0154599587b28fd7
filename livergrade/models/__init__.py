"""Networks and their weights: build a view classifier from a name, options and a weights file."""
