"""Read and write files safely: images, slides, tables, JSON and checkpoints."""
