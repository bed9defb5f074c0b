"""The `flying_things3d` TFDS data set."""
