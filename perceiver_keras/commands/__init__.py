"""One file per command of `perceiver`; the table is in `cli.py`."""
