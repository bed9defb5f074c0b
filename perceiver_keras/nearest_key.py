"""The setting that was meant by a key that does not exist: `num_latent`, `lr`, `model.num_latents`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

# What other codebases call our settings, where the words do not tell.
ELSEWHERE = {
    "epochs": "steps",
    "num_epochs": "steps",
    "num_train_epochs": "steps",
    "max_steps": "steps",
    "hidden_size": "latent_dim",
    "d_latents": "latent_dim",
    "d_model": "channels",
    "num_layers": "num_self_attention_layers",
    "num_self_attends_per_block": "num_self_attention_layers",
    "num_heads": "num_self_attention_heads",
    "qk_channels": "qk_dim",
    "v_channels": "v_dim",
    "dtype": "precision",
    "fp16": "precision",
    "bf16": "precision",
}
ENOUGH = 0.6  # of the best score, below which nothing is suggested
PLACE = 0.3  # how much the sections before the last part count, against 1 for the last part


def nearest_key(written: Sequence[str], known: Iterable[str]) -> str:
    """The nearest of the dotted keys `known`, quoted; several joined by "or" if all are as near.

    Args:
      written: Forms of what the user wrote, any of which may be matched.
      known: Whole keys; of keys that are as near, an earlier one comes first.

    Returns:
      "" if none is near enough.
    """
    known = list(known)
    scores = {key: max(_score(form, key) for form in written) for key in known}
    best = max(scores.values(), default=0.0)
    if best < ENOUGH:
        return ""
    return " or ".join([repr(key) for key in known if scores[key] > best - 1e-9][:3])


def _score(written: str, key: str) -> float:
    before, _, last = written.rpartition(".")
    section, _, name = key.rpartition(".")
    alike = _alike(last, name)
    # Without a section, the shorter place is the likelier one.
    place = _ratio(before, section) if before else 0.3 / (1 + section.count("."))
    return alike + PLACE * place if alike >= ENOUGH else 0.0


def _alike(written: str, name: str) -> float:
    """From 0 to 1: spelled alike, the initials (`lr`), some of the words (`batch`), or a name used elsewhere."""
    if written == name:
        return 1.0
    words, given = name.split("_"), written.split("_")
    if ELSEWHERE.get(written) == name:
        return 0.98
    if len(words) > 1 and written == "".join(word[0] for word in words):
        return 0.95
    if set(given) < set(words):
        return 0.8 + 0.1 * len(given) / len(words)
    if set(words) < set(given):
        return 0.75
    return _ratio(written, name)


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
