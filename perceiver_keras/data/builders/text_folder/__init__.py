"""The `text_folder` TFDS data set."""
