"""One file that grades elsewhere, without PyTorch."""
