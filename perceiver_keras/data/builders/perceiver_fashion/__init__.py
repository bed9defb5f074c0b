"""The `perceiver_fashion` TFDS data set."""
