"""Parts of the model: attention, blocks, feed-forward, positions, patches, convolution."""
