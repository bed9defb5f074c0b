"""The `perceiver_armies` TFDS data set."""
