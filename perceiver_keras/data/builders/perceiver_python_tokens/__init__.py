"""The `perceiver_python_tokens` TFDS data set."""
