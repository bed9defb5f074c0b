"""Recognizes a file of weights by its content, whatever its name says."""

from __future__ import annotations

import os
from typing import Literal

from perceiver_keras.errors import PerceiverError

Kind = Literal["pickle", "torch_bin", "safetensors", "keras_h5"]

_PROTOCOLS = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))
_LEGACY_TORCH = bytes.fromhex("8a0a6cfc9c46f9206aa85019")  # PyTorch's magic number, pickled


def kind_of(path: str | os.PathLike[str]) -> Kind:
    """`pickle` (DeepMind), `torch_bin`, `safetensors` or `keras_h5`.

    Raises `PerceiverError` with a readable message for anything else, saying what to use instead
    where there is something.
    """
    source = os.fspath(path)
    if os.path.isdir(source):
        raise PerceiverError(f"{source} is a folder; give the weights file in it.")
    try:
        with open(source, "rb") as file:
            head = file.read(64)
    except OSError as error:
        raise PerceiverError(f"{source} can't be read: {error.strerror}.") from None
    if not head:
        raise PerceiverError(f"{source} is empty; download or save it again.")
    if head[2:14] == _LEGACY_TORCH:
        raise PerceiverError(
            f"{source} was written by PyTorch before 1.6. Load it with a newer PyTorch and save it again, "
            "or use the repository's model.safetensors."
        )
    if head[:2] in _PROTOCOLS:
        return "pickle"
    if head[:4] == b"PK\x03\x04":
        return _kind_of_zip(source)
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "keras_h5"
    if len(head) > 8 and head[8:9] == b"{":
        return "safetensors"
    if head.lstrip()[:1] == b"<" or head.startswith(b"version https://git-lfs"):
        raise PerceiverError(
            f"{source} is a web page or a Git LFS pointer, not weights; download it again."
        )
    raise PerceiverError(
        f"{source} begins with {head[:8]!r}: neither a pickle, a PyTorch .bin, a .safetensors nor "
        "a Keras .h5 file."
    )


def _kind_of_zip(source: str) -> Kind:
    if not _lists_entry(source, b"model.weights.h5"):
        return "torch_bin"
    raise PerceiverError(
        f"{source} is a whole Keras model, which can contain code; load it with keras.models.load_model "
        "if you trust it, or give the model.weights.h5 in it."
    )


def _lists_entry(source: str, name: bytes) -> bool:
    """Whether the archive's directory, at the end of the file, has an entry of that name."""
    with open(source, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (1 << 16)))
        return name in file.read()
