"""The two sets of libraries that this runs on, and all that depends on which of them is here.

*Classic*: Python 3.10, TensorFlow 2.15, whose own Keras is Keras 2, TensorFlow Addons and TFX 1.15.

*Modern*: Python 3.11 to 3.13 and TensorFlow 2.16 to 2.21, whose own Keras is Keras 3. Keras 2 is the package tf-keras
there: `tf.keras` means it if TF_USE_LEGACY_KERAS is set before TensorFlow loads Keras. TFX is 1.21.

What is saved on one can be used on the other, since both are Keras 2. docs/stacks.md says what was tried.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.abc
import importlib.metadata
import importlib.util
import inspect
import os
import platform
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

SWITCH = "TF_USE_LEGACY_KERAS"
_ON = ("1", "true", "True")  # what TensorFlow takes for set
# ML Metadata's and TFDV's wheels that TFX 1.21 needs ask for it: Debian 13, Ubuntu 24.04.
PIPELINE_GLIBC = (2, 39)


class WrongKeras(ImportError):
    """Keras 3 is where Keras 2 should be; the message says what to do."""


@functools.cache
def is_modern() -> bool:
    """Whether Keras 2 is the package tf-keras here: whether the package keras is Keras 3 or missing."""
    try:
        return not importlib.metadata.version("keras").startswith("2.")
    except importlib.metadata.PackageNotFoundError:
        return True


def use_keras_2() -> None:
    """Makes `tf.keras` Keras 2, for this process and those that it starts; loads nothing.

    Raises:
      WrongKeras: TensorFlow has loaded Keras 3 already, or the environment asks for it.
    """
    if not is_modern():
        return
    if os.environ.get(SWITCH, "1") not in _ON:
        raise WrongKeras(
            f"{SWITCH} is {os.environ[SWITCH]!r}, which asks for Keras 3, and perceiver_keras needs Keras 2 "
            f"(tf-keras); unset it, or set it to 1."
        )
    os.environ.setdefault(SWITCH, "1")
    if not any(isinstance(finder, _QuietTensorFlow) for finder in sys.meta_path):
        sys.meta_path.insert(0, _QuietTensorFlow())
    if (tensorflow := sys.modules.get("tensorflow")) and not _is_keras_2(tensorflow):
        raise WrongKeras(
            "TensorFlow has already loaded Keras 3, and perceiver_keras needs Keras 2 (tf-keras): import "
            f"perceiver_keras before TensorFlow, or set {SWITCH}=1 in the environment."
        )


def _is_keras_2(tensorflow: ModuleType) -> bool:
    """Whether its `tf.keras` is, or will be once something of it is used; Keras 3 says its version there."""
    try:
        return tensorflow.keras.__version__.startswith("2.")
    except (AttributeError, ImportError):  # tf-keras, or none, or TensorFlow is still importing
        return True


class _QuietTensorFlow(importlib.abc.MetaPathFinder):
    """Keeps back what TensorFlow logs while it is imported, if TF_CPP_MIN_LOG_LEVEL asks for it.

    From 2.18 on it looks at that variable only after it has logged its first lines.
    """

    _looking = False

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        level = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0")
        if name != "tensorflow" or self._looking or level not in ("1", "2", "3"):
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        if spec and spec.loader:
            run = spec.loader.exec_module

            def run_quietly(module: ModuleType) -> None:
                with _without(rb"WARNING: All log messages before absl::|I\d{4} "):
                    run(module)

            spec.loader.exec_module = run_quietly
        return spec


@contextlib.contextmanager
def _without(start_of_line: bytes) -> Iterator[None]:
    """Leaves lines that begin so out of what C++ and Python write to stderr; the others come at the end."""
    try:
        stderr = os.dup(2)
    except OSError:  # closed
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            kept.seek(0)
            for line in kept:
                if not re.match(start_of_line, line):
                    os.write(2, line)


def only_predicts() -> None:
    """Tells TensorFlow that no weight changes in this process, or in those that it starts; before its first product.

    On a CPU, oneDNN then keeps each weight of a graph in the order that its products read fastest, next to the weight
    itself: more speed for more memory (docs/serving.md). A process that trains would go on with its first weights. The
    variable is TensorFlow's own; who sets it to 0 is heard.
    """
    os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")


def addons() -> ModuleType | None:
    """TensorFlow Addons, or None where it has no wheel: it ends at TensorFlow 2.15."""
    if is_modern() or importlib.util.find_spec("tensorflow_addons") is None:
        return None
    with warnings.catch_warnings():
        # "TensorFlow Addons has entered a minimal maintenance mode"
        warnings.simplefilter("ignore")
        return importlib.import_module("tensorflow_addons")


def message_class(descriptor: Any) -> type:
    """The class of a protobuf message by its descriptor; protobuf 4.22 has a function for it, and 5 only that."""
    from google.protobuf import message_factory

    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(descriptor.file.pool).GetPrototype(descriptor)


def with_defaults() -> dict[str, bool]:
    """The argument by which protobuf's JSON has fields that hold their default; protobuf 5 renamed it."""
    from google.protobuf import json_format

    old, new = "including_default_value_fields", "always_print_fields_with_no_presence"
    return {old if old in inspect.signature(json_format.MessageToDict).parameters else new: True}


def keras_name() -> str:
    """The distribution that Keras 2 comes from."""
    return "tf-keras" if is_modern() else "keras"


def packages() -> dict[str, str]:
    """Distribution -> the module to import, of what only this stack needs."""
    if is_modern():
        return {"tf-keras": "tf_keras.layers", "importlib-resources": "importlib_resources"}
    return {"keras": "keras.layers", "tensorflow-addons": "tensorflow_addons.optimizers"}


def lock_name() -> str:
    """The lock that this environment was made from, if it was by `make`."""
    if sys.version_info < (3, 11):
        return "requirements.lock"
    core = importlib.util.find_spec("tfx") is None
    return f"requirements-modern{'-core' if core else ''}.lock"


def python_fault() -> str:
    """What is wrong with this Python, and what to do; "" if nothing is."""
    if (3, 10) <= sys.version_info[:2] <= (3, 13):
        return ""
    return "Python 3.10 to 3.13 is needed: `uv python install 3.10`"


def no_pipeline(python: tuple[int, int] | None = None, glibc: str | None = None) -> str:
    """Why the extra `pipeline` (TFX) can't be installed on this machine, and what to do; "" if it can.

    Args:
      python: A version, as (3, 12); default: this one.
      glibc: A version, as "2.36", or "" for another C library; default: this machine's.
    """
    python = python or sys.version_info[:2]
    if glibc is None:
        name, version = platform.libc_ver()
        glibc = version if name == "glibc" else ""
    if python < (3, 11) or _numbers(glibc) >= PIPELINE_GLIBC:
        return ""
    wanted = ".".join(map(str, PIPELINE_GLIBC))
    return (
        f"on Python {python[0]}.{python[1]} the pipeline is TFX 1.21, whose wheels need glibc {wanted} (Debian 13, "
        f"Ubuntu 24.04), and this machine has {f'glibc {glibc}' if glibc else 'no glibc'}; with Python 3.10 it works"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


if __name__ == "__main__":  # scripts/find_python.sh asks, before anything is installed
    print(no_pipeline())
