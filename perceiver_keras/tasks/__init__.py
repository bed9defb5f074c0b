"""The tasks: one file each, one line each in `registry.py`."""
