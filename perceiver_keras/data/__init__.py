"""The host's half of the data's way: TFDS builders and tf.data. No weights, no model code."""
