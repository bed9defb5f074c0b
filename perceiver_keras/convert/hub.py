"""The names under which people know the released models: those of Hugging Face's hub."""

from __future__ import annotations

import os

from perceiver_keras.convert.download import HUGGINGFACE_REPOSITORIES, HUGGINGFACE_URL
from perceiver_keras.errors import UsageError, nearest

SOURCES = ("deepmind", "huggingface")  # that released weights are downloaded from
_PRESETS = {repository: preset for preset, repository in HUGGINGFACE_REPOSITORIES.items()}
_OWNER = "deepmind/"


def preset_of(name: str | os.PathLike[str]) -> str | None:
    """The preset of a repository such as "deepmind/optical-flow-perceiver"; None for another name.

    A folder of that name on this machine is a folder. The address of the repository's page is its name.

    Raises:
        UsageError: the hub's owner of the released models is named, with a repository that is not one of theirs.
    """
    text = os.fspath(name)
    short = text.removeprefix(f"{HUGGINGFACE_URL}/").rstrip("/")
    if short in _PRESETS:
        return None if os.path.exists(text) else _PRESETS[short]
    if short.startswith(_OWNER) and "perceiver" in short and not os.path.exists(text):
        raise UsageError(f"{text} is no released model on the hub.{nearest(short, _PRESETS)}")
    return None


def short_name(address: str) -> str:
    """The repository's name, of the address of its page; any other text as it is."""
    short = address.removeprefix(f"{HUGGINGFACE_URL}/").rstrip("/")
    return short if address.startswith(HUGGINGFACE_URL) and short in _PRESETS else address


def source_of(weights: str, preset: str | None) -> str:
    """Weights that are asked for a preset, with "huggingface" for the name of its repository.

    Raises:
        UsageError: the name is that of another preset's repository.
    """
    named = preset_of(weights)
    if named is None:
        return weights
    if preset not in (None, named):
        raise UsageError(f"{weights} has the weights of {named}, not of {preset}.")
    return "huggingface"
