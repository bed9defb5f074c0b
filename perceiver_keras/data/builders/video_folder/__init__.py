"""The `video_folder` TFDS data set."""
