"""The `perceiver_digits` TFDS data set."""
