"""What goes wrong with a trained model, done to a copy of a good one: `Format-Serving` and `preset` in one folder.

Each takes the folder of a good model and writes the damaged one to another, both as the Trainer's artifact has them.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras.config import TaskConfig
from perceiver_keras.data import image
from perceiver_keras.data.store.records import file_records, take
from perceiver_keras.export import export_saved_model
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.model import load

Change = Callable[[Any], None]  # of a Keras model's weights


class Good:
    """A good model, and raw examples of its data to warm an export up with."""

    def __init__(self, folder: Path, examples: Path):
        self.folder = folder
        about = json.loads((folder / "preset" / "task.json").read_text())
        self.labels, self.preset = about["labels"], about["preset"]
        self.task = registry.get(about["task"])
        self.warmup = take(file_records(f"{examples}/*"), 8)

    def model(self) -> Any:
        return load(self.folder / "preset")

    def save(
        self,
        model: Any,
        folder: Path,
        *,
        weights: Any = None,
        labels: list[str] | None = None,
        served: TaskConfig | None = None,
    ) -> None:
        """Both forms.

        Args:
          model: What is served.
          folder: To write.
          weights: The model that the preset folder keeps if that differs.
          labels: The names of classes, if they differ.
          served: The configuration of the export if it differs.
        """
        config, labels = model.task_config, labels or self.labels
        (weights or model).save_to_preset(
            folder / "preset", task_config=config, preset=self.preset, labels=labels
        )
        export_saved_model(
            self.task,
            served or config,
            model,
            str(folder / "Format-Serving"),
            labels=labels,
            preset=self.preset,
            warmup=self.warmup,
        )


def unchanged(good: Good, folder: Path) -> None:
    for name in ("preset", "Format-Serving"):
        shutil.copytree(good.folder / name, folder / name)


def nan_in_weights(good: Good, folder: Path) -> None:
    """One number of one layer, as after a step that overflowed."""
    model = good.model()
    kernel = model.decode.out.kernel
    kernel.assign(np.where(np.arange(kernel.shape[1]) == 3, np.nan, kernel.numpy()))
    good.save(model, folder)


def forgets_a_class(good: Good, folder: Path, index: int = 3, by: float = 4.5) -> None:
    """The logit of one class is lower, so that a part of its examples are taken for others."""
    model = good.model()
    bias = model.decode.out.bias
    bias.assign(bias.numpy() - by * np.eye(bias.shape[0], dtype=np.float32)[index])
    good.save(model, folder)


def weights_of_another_training(good: Good, folder: Path) -> None:
    """What is served and what was evaluated in training come from two trainings."""
    model = good.model()
    for variable in model.trainable_variables:
        noise = np.random.default_rng(0).normal(0, 0.05, variable.shape)
        variable.assign(variable.numpy() + noise.astype(np.float32))
    good.save(model, folder, weights=good.model())


def names_in_another_order(good: Good, folder: Path) -> None:
    """The list of classes is that of an older run, and the weights are of this one: every answer has a wrong name."""
    good.save(good.model(), folder, labels=good.labels[::-1])


def model_of_another_order(good: Good, folder: Path) -> None:
    """Weights and names are of an older run whose classes came in another order."""
    model = good.model()
    for weight in (model.decode.out.kernel, model.decode.out.bias):
        weight.assign(weight.numpy()[..., ::-1])
    good.save(model, folder, labels=good.labels[::-1])


def lost_output(good: Good, folder: Path) -> None:
    """`serving_default` no longer answers with labels."""
    unchanged(good, folder)
    _resave(folder / "Format-Serving", lambda outputs: {"probabilities": outputs["probabilities"]})


def ten_times_slower(good: Good, folder: Path) -> None:
    """Each request waits for work that changes nothing."""
    unchanged(good, folder)

    def waste(outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        work = tf.ones([800, 800]) * tf.reduce_mean(outputs["probabilities"])
        for _ in range(4):
            work = tf.linalg.matmul(work, work) / 800.0
        same = tf.math.is_finite(tf.reduce_sum(work))
        return {
            name: tf.where(same, value, tf.zeros_like(value)) if value.dtype.is_floating else value
            for name, value in outputs.items()
        }

    _resave(folder / "Format-Serving", waste)


def resized_otherwise(good: Good, folder: Path) -> None:
    """Serving enlarges or shrinks pictures by their nearest pixels, training smoothly."""
    with _replaced(image, "resize", _nearest):
        good.save(good.model(), folder)


def channels_swapped(good: Good, folder: Path) -> None:
    """Serving decodes blue first."""
    decode = image.decode_image
    with _replaced(image, "decode_image", lambda *a, **k: decode(*a, **k)[..., ::-1]):
        good.save(good.model(), folder)


def of_another_task(good: Good, folder: Path) -> None:
    """The preset folder holds a model of texts, next to a good export."""
    of_another_task_whole(good, folder)
    shutil.rmtree(folder / "Format-Serving")
    shutil.copytree(good.folder / "Format-Serving", folder / "Format-Serving")


def of_another_task_whole(good: Good, folder: Path) -> None:
    """Both forms of a model of texts."""
    task = registry.get("text_classification")
    config = task.preset("tiny").config
    model = task.build(config)
    model.save_to_preset(folder / "preset", task_config=config, preset="tiny", labels=None)
    export_saved_model(task, config, model, str(folder / "Format-Serving"), preset="tiny")


def _nearest(pixels: tf.Tensor, size: Any) -> tf.Tensor:
    return tf.image.resize(pixels, size, method="nearest")


@contextlib.contextmanager
def _replaced(module: Any, name: str, other: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, other)
    try:
        yield
    finally:
        setattr(module, name, before)


def _resave(folder: Path, change: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]) -> None:
    """The export with other outputs of `serving_default`; what lies next to its graph stays."""
    model = tf.saved_model.load(str(folder))
    signatures = dict(model.signatures)
    default = signatures["serving_default"]
    spec = {
        name: tf.TensorSpec(value.shape, value.dtype)
        for name, value in default.structured_input_signature[1].items()
    }

    @tf.function(input_signature=[spec])
    def serve(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return change(default(**inputs))

    named = tf.function(lambda **inputs: serve(inputs)).get_concrete_function(
        **{name: tf.TensorSpec(s.shape, s.dtype, name=name) for name, s in spec.items()}
    )
    module = tf.Module()
    module.kept = model
    aside = folder.with_name("aside")
    tf.saved_model.save(module, str(aside), signatures=signatures | {"serving_default": named})
    shutil.copytree(folder / "assets.extra", aside / "assets.extra", dirs_exist_ok=True)
    shutil.rmtree(folder)
    aside.rename(folder)
