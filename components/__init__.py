"""TFX components that TFX itself lacks, one file each."""
