"""The presets of all tasks, listed for people."""

from __future__ import annotations

from typing import Any

from perceiver_keras.tasks import registry


def list_presets(task: str | None = None) -> list[dict[str, Any]]:
    """One row per preset, of one task or of all.

    Returns:
      Rows of `task`, `preset`, `latents` "N x D", `layers` "blocks x layers per block", `dataset`, `steps`, `source`.

    Raises:
      UsageError: there is no such task.
    """
    rows = []
    for name in registry.names() if task is None else [registry.canonical(task)]:
        for preset_name, preset in registry.get(name).presets.items():
            model = preset.config.model
            process = model.process
            rows.append(
                {
                    "task": name,
                    "preset": preset_name,
                    "latents": f"{model.encode.num_latents} x {model.encode.latent_dim}",
                    "layers": f"{process.num_blocks} x {process.num_self_attention_layers}",
                    "dataset": preset.config.data.dataset,
                    "steps": preset.config.train.steps,
                    "source": preset.source,
                }
            )
    return rows
