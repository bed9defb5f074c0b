"""The `perceiver_battles` TFDS data set."""
