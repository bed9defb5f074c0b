"""TFX components that TFX lacks, one file each."""
