"""Whether a lowered graph computes in JAX what TensorFlow computes: small models, the same weights and inputs.

    python scripts/gpu_benchmark/check.py write FOLDER     # where TensorFlow is
    python scripts/gpu_benchmark/check.py compare FOLDER   # where JAX is, on any device; exits with 1 if they differ

TensorFlow runs its graph op by op, without XLA. Of a training step, the loss and every changed variable are compared.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

TASKS = ("language_mlm", "image_classification", "optical_flow", "multimodal_autoencoding")
# A change of a variable by AdamW is the sign of a gradient where it is small: rounding can turn it.
TOLERANCE = {"forward": 1e-4, "train": 2e-3}


def write(folder: Path, names: Sequence[str] = TASKS) -> None:
    import tensorflow as tf
    from lower import lowerer

    from perceiver_keras.config_tree import override
    from perceiver_keras.tasks import registry

    folder.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(0)
    for name in names:
        task = registry.get(name)
        # Dropout draws other numbers on each side, and a warm-up begins with a rate of zero.
        changes = ["train.optimizer=adamw", "train.warmup_steps=0"]
        changes += [f"model.{stage}.dropout=0" for stage in ("encode", "process", "decode")]
        config = override(task.presets["tiny"].config, *changes)
        for kind in ("forward", "train"):
            if (name, kind) == ("multimodal_autoencoding", "train"):
                continue  # it draws which labels it hides
            lowered = lowerer(task, config, kind, "float32")(2)
            entries = lowered.arguments[: len(lowered.arguments) - len(lowered.captured)]
            inputs = [_input(dice, entry) for entry in entries]
            for value in lowered.captured:
                # What starts at zero would hide what comes before it.
                if isinstance(value, tf.Variable) and value.trainable and not np.any(value):
                    value.assign(dice.normal(0.0, 0.02, value.shape))
            before = [np.array(value) for value in lowered.captured]
            outputs = tf.function(lowered.function)(*map(tf.constant, inputs))
            after = [np.array(value) for value in lowered.captured]
            arrays = {f"argument_{i}": value for i, value in enumerate([*inputs, *before])}
            arrays |= {f"output_{i}": np.array(value) for i, value in enumerate(outputs)}
            arrays |= {f"after_{len(inputs) + i}": value for i, value in enumerate(after)}
            np.savez(folder / f"{name}-{kind}.npz", **arrays)
            (folder / f"{name}-{kind}.hlo.gz").write_bytes(gzip.compress(lowered.hlo))
            about = {"arguments": lowered.arguments, "flops": lowered.flops}
            (folder / f"{name}-{kind}.json").write_text(json.dumps(about))


def _input(dice: np.random.Generator, entry: dict) -> np.ndarray:
    dtype = np.dtype(entry["dtype"])
    if dtype.kind == "b":
        return np.ones(entry["shape"], bool)
    if np.issubdtype(dtype, np.integer):
        return dice.integers(0, 4, entry["shape"]).astype(dtype)
    return dice.uniform(0.0, 1.0, entry["shape"]).astype(dtype)


def compare(folder: Path) -> bool:
    import jax

    jax.config.update("jax_enable_x64", True)
    from from_hlo import load

    fine = True
    for path in sorted(folder.glob("*.npz")):
        kind = path.stem.split("-")[1]
        graph, arrays = load(folder, path.stem, exact=True), np.load(path)
        arguments = [arrays[f"argument_{i}"] for i in range(len(graph.arguments))]
        outputs = list(map(np.asarray, jax.jit(graph.call)(*arguments)))
        count = len(outputs) - len(graph.updated)
        wanted = [arrays[f"output_{i}"] for i in range(count)]
        wanted += [arrays[f"after_{graph.updated[i]}"] for i in range(count, len(outputs))]
        start = [arguments[graph.updated[i]] for i in range(count, len(outputs))]
        errors = [_error(*pair) for pair in zip(outputs, wanted, strict=True)]
        moved = sum(not np.array_equal(*pair) for pair in zip(wanted[count:], start, strict=True))
        good = max(errors) < TOLERANCE[kind]
        fine &= good
        print(
            f"{path.stem}: {len(errors)} arrays, {moved} variables changed, largest relative error "
            f"{max(errors):.1e}, median {np.median(errors):.1e}: {'the same' if good else 'DIFFERENT'}"
        )
    return fine


def _error(output: np.ndarray, wanted: np.ndarray) -> float:
    """In the 2-norm, relative to the values, or to 1e-6 each: the gradient of a key's bias is rounding alone."""
    output, wanted = output.astype(np.float64), wanted.astype(np.float64)
    if output.shape != wanted.shape or not np.isfinite(output).all():
        return np.inf
    size = max(np.linalg.norm(wanted), 1e-6 * np.sqrt(max(wanted.size, 1)))
    return float(np.linalg.norm(output - wanted) / size)


if __name__ == "__main__":
    what, where = sys.argv[1:]
    if what == "write":
        write(Path(where))
    else:
        sys.exit(not compare(Path(where)))
