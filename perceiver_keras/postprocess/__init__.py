"""The last stage: decoded outputs [B, O, E] in, the task's own outputs out."""
