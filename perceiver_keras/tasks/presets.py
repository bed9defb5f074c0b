"""All presets as rows for people: names, sizes and where the numbers come from."""

from __future__ import annotations

from typing import Any

from perceiver_keras.tasks import registry


def list_presets(task: str | None = None) -> list[dict[str, Any]]:
    """One row a preset, of one task or of all, released models without a task included.

    Returns:
      Rows of `task`, `preset`, `latents` "N x D", `layers` "blocks x layers of a block", `dataset`, `steps`,
      `source`.

    Raises:
      UsageError: no such task.
    """
    rows = []
    names = [row.name for row in (*registry.ROWS, *registry.MODELS)]
    for name in names if task is None else [task.replace("-", "_")]:
        for preset_name, preset in registry.presets(name).items():
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
