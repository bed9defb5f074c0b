"""The last stage: decoded outputs [B, O, E] in, what the task is about out."""
