"""What Perceiver IO is compared with: `model.backbone=transformer`."""
