"""The `autoflow_static` TFDS data set."""
