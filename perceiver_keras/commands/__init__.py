"""One file a command of `perceiver`; `cli.py` has the table."""
