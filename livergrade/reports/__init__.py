"""What a person reads of one run: figures, thumbnails and a self-contained page."""
