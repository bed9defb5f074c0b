"""The `perceiver_clips` TFDS data set."""
