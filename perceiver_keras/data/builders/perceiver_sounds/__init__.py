"""The `perceiver_sounds` TFDS data set."""
