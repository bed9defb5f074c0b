"""The `perceiver_events` TFDS data set."""
