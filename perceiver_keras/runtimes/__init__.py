"""Files of a model for other runtimes, ONNX Runtime and TensorFlow Lite, each held against the SavedModel."""
