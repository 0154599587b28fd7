"""Report of one run: figures, thumbnails and a self-contained HTML page."""
