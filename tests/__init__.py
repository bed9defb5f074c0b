"""A package, or a process that a test starts would find IPython's folder of this name, once IPython is on its path."""
