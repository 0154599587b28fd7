"""Read and write files safely: pictures, slides, tables, JSON and checkpoints."""
