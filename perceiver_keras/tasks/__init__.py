"""The tasks: a folder each, and a row each in `registry.py`."""
