"""What is timed: the released models' forward passes and training steps, most telling first.

Read on both machines, so it imports nothing but the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# Model -> (task, preset) of perceiver_keras.
MODELS = {
    "mlm": ("language_mlm", "language_mlm_bytes"),
    "fourier": ("image_classification", "imagenet_fourier_position_encoding"),
    "conv": ("image_classification", "imagenet_conv_preprocessing"),
    "flow": ("optical_flow", "optical_flow"),
    "video": ("multimodal_autoencoding", "video_autoencoding"),
}
BATCHES = {"mlm": 32, "fourier": 32, "conv": 32, "flow": 4, "video": 8}
# The default budget of attention logits, and one for a card with tens of GB.
DEFAULT_MB, LARGE_MB = 256, 4096


@dataclass(frozen=True, kw_only=True)
class Case:
    """One graph.

    Attributes:
      model: A key of `MODELS`.
      kind: "forward" or "train".
      precision: "float32" or "bfloat16". A training step in bfloat16 keeps float32 weights (mixed precision, torch's
        autocast); a forward pass has its weights in bfloat16, except for norms, on both sides.
      batch: Examples.
      memory_mb: Our `attention_memory_mb`; Hugging Face's model has no such setting.
      recompute: Our `train.recompute`; Hugging Face's keeps everything.
    """

    model: str
    kind: str
    precision: str
    batch: int
    memory_mb: int = DEFAULT_MB
    recompute: bool = False

    @property
    def name(self) -> str:
        budget = "" if self.memory_mb == DEFAULT_MB else f"-{self.memory_mb}mb"
        return f"{self.peer_name}{budget}{'-recompute' if self.recompute else ''}"

    @property
    def policy(self) -> str:
        """The name of our precision: a training step in bfloat16 keeps float32 weights."""
        mixed = self.kind == "train" and self.precision == "bfloat16"
        return "mixed_bfloat16" if mixed else self.precision

    @property
    def peer_name(self) -> str:
        """The same work, whatever our own settings."""
        return f"{self.model}-{self.kind}-{self.precision}-b{self.batch}"


def _cases() -> list[Case]:
    def case(model: str, kind: str, precision: str, batch: int, memory_mb: int = DEFAULT_MB):
        return Case(model=model, kind=kind, precision=precision, batch=batch, memory_mb=memory_mb)

    found = [case(model, "forward", "bfloat16", 1) for model in MODELS]
    found += [case("mlm", "train", "bfloat16", 32, LARGE_MB)]
    found += [case(m, "forward", "bfloat16", BATCHES[m], LARGE_MB) for m in MODELS if m != "video"]
    found += [case("flow", "forward", "bfloat16", 1, LARGE_MB)]
    # What recomputation costs, and what fits the card with it alone.
    for model, batch in {"mlm": 32, "fourier": 16, "conv": 32, "flow": 1, "video": 8}.items():
        kept = case(model, "train", "bfloat16", batch, LARGE_MB)
        found += [one for one in (kept, replace(kept, recompute=True)) if one not in found]
    found += [replace(case("fourier", "train", "bfloat16", 32, LARGE_MB), recompute=True)]
    found += [replace(case("flow", "train", "bfloat16", 4, LARGE_MB), recompute=True)]
    found += [case("mlm", "train", "bfloat16", 32), case("mlm", "train", "bfloat16", 1)]
    found += [case(model, "forward", "float32", 1) for model in MODELS]
    found += [case(m, "forward", "float32", BATCHES[m], LARGE_MB) for m in MODELS if m != "video"]
    return found + [case("mlm", "train", "float32", 32, LARGE_MB)]


CASES = _cases()
