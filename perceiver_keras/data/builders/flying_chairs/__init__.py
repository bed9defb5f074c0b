"""The `flying_chairs` TFDS data set."""
