"""The `flow_folder` TFDS data set."""
