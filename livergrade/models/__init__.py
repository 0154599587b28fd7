"""Networks and their weights: from a name, options and a file to a classifier of views."""
