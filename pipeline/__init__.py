"""The TFX graph that takes any task from its data set to a pushed model, and what runs it."""
