"""The `kitti_flow` TFDS data set."""
