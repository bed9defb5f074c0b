"""The `perceiver_glue` TFDS data set."""
