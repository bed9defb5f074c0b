"""The first stage: the features of one or several modalities in, an array [B, M, C] out."""
