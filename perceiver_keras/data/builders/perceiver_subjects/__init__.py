"""The `perceiver_subjects` TFDS data set."""
