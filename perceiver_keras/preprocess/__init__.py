"""The first stage: features of one modality in, an array [B, M, C] out."""
