"""The `starcraft_replays` TFDS data set."""
