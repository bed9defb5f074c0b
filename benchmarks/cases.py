"""What is measured: the list of cases, and choosing from it by name."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from perceiver_keras.errors import UsageError, nearest

Kind = Literal["forward", "train", "products", "pipeline", "start"]
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to measure.

    Attributes:
      name: GROUP/WHAT/…; the groups are those of docs/benchmarks.md.
      kind: A forward pass, a training step, matrix products, a task's input pipeline, or the start of a command.
      task, preset: Of the model, if there is one.
      settings: What differs from the preset, "key=value".
      precision: The number format of the computation.
      batch: Examples at once; None: the preset's.
      steps: How many training steps, batches of the pipeline or products of matrices one call makes.
      points: Whether only the points of a training step are asked for, of a model that has more outputs than that.
      x: Where the case stands on its plot's axis, if it is one of a row.
    """

    name: str
    kind: Kind
    task: str = ""
    preset: str = ""
    settings: tuple[str, ...] = ()
    precision: str = "float32"
    batch: int | None = 1
    steps: int = 1
    points: bool = False
    x: int | None = None

    @property
    def group(self) -> str:
        return self.name.partition("/")[0]

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"settings": list(self.settings), "group": self.group}


# The released models by a short name: (task, preset).
MODELS = {
    "mlm": ("language_mlm", "language_mlm_bytes"),
    "imagenet_fourier": ("image_classification", "imagenet_fourier_position_encoding"),
    "imagenet_learned": ("image_classification", "imagenet_learned_position_encoding"),
    "imagenet_conv": ("image_classification", "imagenet_conv_preprocessing"),
    "flow": ("optical_flow", "optical_flow"),
    "video": ("multimodal_autoencoding", "video_autoencoding"),
}
TASKS = (
    *("image_classification", "optical_flow", "language_mlm", "text_classification"),
    *("token_classification", "glue", "multimodal_autoencoding", "audio_classification"),
    "starcraft_entities",
)
# One thin layer: what grows is then the cross-attention that reads the inputs, or makes the outputs.
SHALLOW = ("model.process.num_self_attention_layers=1", "model.process.num_blocks=1")
# Released models, made small: what --quick measures in their place.
_SMALL_LATENTS = ("model.encode.num_latents=16", *SHALLOW)
_SMALL = {
    "mlm": ("model.length=64", *_SMALL_LATENTS),
    "imagenet_fourier": ("model.image_size=[32,32]", *_SMALL_LATENTS),
    "imagenet_learned": ("model.image_size=[32,32]", *_SMALL_LATENTS),
    "imagenet_conv": ("model.image_size=[32,32]", *_SMALL_LATENTS),
    "flow": ("model.image_size=[16,24]", *_SMALL_LATENTS),
    "video": (
        *("model.num_frames=2", "model.image_size=[16,16]", "model.audio_samples=3840"),
        *("data.image_points=32", "data.audio_points=32", *_SMALL_LATENTS),
    ),
}


def all_cases(quick: bool = False) -> list[Case]:
    """Every case, in the order in which they are measured; the machine's own speed comes first.

    Args:
      quick: The same cases on models a hundredth of the size. Their numbers say that everything runs, and no more.
    """
    cases = [
        *_products(quick),
        *_models(quick),
        *_growth(quick),
        *_batches(quick),
        *_tiny(quick),
        *_pipelines(quick),
        *_starts(),
    ]
    assert len({case.name for case in cases}) == len(cases)
    return cases


def choose(cases: Sequence[Case], names: Iterable[str]) -> list[Case]:
    """The cases that have one of the names, or whose name begins with it, or fits it as a pattern; all without names.

    With a model comes the machine's own speed in its precision, because shares of it are told.

    Raises:
      UsageError: a name fits no case.
    """
    names = [name.rstrip("/") for name in names]
    chosen = set()
    for name in names:
        found = {
            case.name
            for case in cases
            if case.name == name
            or case.name.startswith(f"{name}/")
            or fnmatch.fnmatchcase(case.name, name)
        }
        if not found:
            known = {case.name for case in cases} | {case.group for case in cases}
            raise UsageError(
                f"There is no benchmark {name!r}.{nearest(name, known)} `perceiver benchmark --list` has all."
            )
        chosen |= found
    formats = {c.precision for c in cases if c.name in chosen and c.kind in ("forward", "train")}
    chosen |= {c.name for c in cases if c.kind == "products" and c.precision in formats}
    return [case for case in cases if not names or case.name in chosen]


def _products(quick: bool) -> list[Case]:
    return [
        Case(name=f"products/{precision}", kind="products", precision=precision, batch=None,
             steps=10, x=256 if quick else 2048)
        for precision in PRECISIONS
    ]  # fmt: skip


def _models(quick: bool) -> list[Case]:
    return [
        Case(
            name=f"models/{model}/{kind}/{precision}",
            kind=kind,
            task=task,
            preset=preset,
            settings=_SMALL[model] if quick else (),
            precision=precision,
        )
        for model, (task, preset) in MODELS.items()
        for kind in ("forward", "train")
        for precision in PRECISIONS
    ]


def _growth(quick: bool) -> list[Case]:
    """Inputs M of a picture; outputs O of a clip, whose inputs stay; latents N."""
    task, preset = MODELS["imagenet_fourier"]
    pictures = {2**power: (2 ** (power // 2), 2 ** (power - power // 2)) for power in range(11, 20)}
    if quick:
        pictures = {2**power: pictures[2**power] for power in (11, 12)}
    inputs = [
        Case(name=f"inputs/{size}", kind="forward", task=task, preset=preset, x=size,
             settings=(*SHALLOW, f"model.image_size=[{height},{width}]"))
        for size, (height, width) in pictures.items()
    ]  # fmt: skip
    latents = [
        Case(name=f"latents/{size}", kind="forward", task=task, preset=preset, x=size,
             settings=(*(_SMALL["imagenet_fourier"] if quick else ()),
                       f"model.encode.num_latents={size}", "model.process.num_blocks=1"))
        for size in ((16, 32) if quick else (128, 256, 512, 1024, 2048))
    ]  # fmt: skip
    task, preset = MODELS["video"]
    outputs = [
        Case(name=f"outputs/{size}", kind="forward", task=task, preset=preset, points=True, x=size,
             settings=(*(_SMALL["video"] if quick else SHALLOW),
                       f"data.image_points={size}", "data.audio_points=16"))
        for size in ((64, 128) if quick else (2**power for power in range(11, 18)))
    ]  # fmt: skip
    return [*inputs, *outputs, *latents]


def _batches(quick: bool) -> list[Case]:
    task, preset = MODELS["mlm"]
    return [
        Case(name=f"batch/{size}", kind="forward", task=task, preset=preset, batch=size, x=size,
             settings=_SMALL["mlm"] if quick else ())
        for size in ((1, 2) if quick else (1, 2, 4, 8, 16, 32))
    ]  # fmt: skip


def _tiny(quick: bool) -> list[Case]:
    return [
        Case(name=f"tiny/{task}", kind="train", task=task, preset="tiny", batch=None,
             steps=2 if quick else 20)
        for task in TASKS
    ]  # fmt: skip


def _pipelines(quick: bool) -> list[Case]:
    return [
        Case(name=f"pipeline/{task}", kind="pipeline", task=task, preset="tiny", batch=None,
             steps=2 if quick else 50)
        for task in TASKS
    ]  # fmt: skip


def _starts() -> list[Case]:
    from perceiver_keras.benchmarks.starts import STARTS

    return [Case(name=f"start/{start.name}", kind="start") for start in STARTS]
