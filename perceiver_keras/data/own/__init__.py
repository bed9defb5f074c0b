"""The user's own files as a TFDS data set: look at what lies there, say what was found, prepare it once."""
