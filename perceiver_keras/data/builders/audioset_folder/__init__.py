"""The `audioset_folder` TFDS data set."""
