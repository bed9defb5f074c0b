"""The `perceiver_flow` TFDS data set."""
