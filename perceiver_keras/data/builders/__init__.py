"""Our own TFDS builders, one folder each, as `tfds build` takes them from their folder."""
