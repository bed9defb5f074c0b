"""The `perceiver_docs` TFDS data set."""
