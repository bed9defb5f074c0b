"""The `mpi_sintel` TFDS data set."""
