"""All claims that are tested in miniature, in the order of the page."""

from __future__ import annotations

import importlib

from perceiver_keras.errors import UsageError, nearest
from perceiver_keras.miniature.claim import Claim

# Each a module of `claims/`; reading the names imports none of them.
NAMES = (
    *("scaling", "bytes", "multitask", "latents", "flow"),
    *("inputs", "compression", "entities", "audio"),
)


def get(name: str) -> Claim:
    """The claim of that name; raises `UsageError` that offers the nearest."""
    if name not in NAMES:
        raise UsageError(f"There is no claim {name!r}.{nearest(name, NAMES)}")
    # `bytes` and `inputs` are also words of Python; the module is called as the claim all the same.
    return importlib.import_module(f"perceiver_keras.miniature.claims.{name}").CLAIM


def claims(names: tuple[str, ...] = ()) -> list[Claim]:
    """The claims of these names; without names, all of them."""
    return [get(name) for name in names or NAMES]
