"""Export a trained network to one ONNX file that runs without PyTorch."""
