"""`--device`: which device TensorFlow sees, decided before it initializes any."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from perceiver_keras.errors import UsageError

NAMES = re.compile(r"cpu|gpu(?::(\d+))?")


class Device(click.ParamType):
    """`cpu`, `gpu` (all of them) or `gpu:N`; whether it is there is for `use` to say."""

    name = "device"

    def convert(self, value: str, param: Any, ctx: Any) -> str:
        name = value.lower().lstrip("/")
        if not NAMES.fullmatch(name):
            raise UsageError(f"--device {value}: expected cpu, gpu or gpu:N, such as gpu:0.")
        return name


def device_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--device`, which takes effect before the command's own function runs."""

    @functools.wraps(function)
    def with_device(*args: Any, device: str | None, **kwargs: Any) -> Any:
        if device:
            use(device)
        return function(*args, **kwargs)

    option = click.option(
        "--device",
        type=Device(),
        metavar="cpu|gpu:N",
        help="The only device to use.  [default: all GPUs, else the CPU]",
    )
    return option(with_device)


def use(device: str) -> None:
    """Hides all other devices from TensorFlow in this process, and from processes that it starts.

    Raises:
      UsageError: there is no such device; the message lists those that there are.
    """
    import tensorflow as tf

    gpus = choose(device, tf.config.list_physical_devices("GPU"))
    try:
        tf.config.set_visible_devices(gpus, "GPU")
    except RuntimeError as error:
        raise UsageError(
            f"--device {device}: TensorFlow has started on other devices in this process."
        ) from error
    numbers = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    chosen = [int(gpu.name.rpartition(":")[2]) for gpu in gpus]
    # A process that this one starts counts the GPUs that this one may see.
    os.environ["CUDA_VISIBLE_DEVICES"] = (
        ",".join(numbers[n] if numbers != [""] else str(n) for n in chosen) or "-1"
    )


def choose(device: str, gpus: Sequence[Any]) -> list[Any]:
    """The GPUs that stay visible, in TensorFlow's order; none for `cpu`. Raises as `use`."""
    number = NAMES.fullmatch(device)[1]
    if device == "cpu":
        return []
    if device == "gpu" and gpus:
        return list(gpus)
    if number is not None and int(number) < len(gpus):
        return [gpus[int(number)]]
    there = ", ".join(["cpu", *(f"gpu:{index}" for index in range(len(gpus)))])
    raise UsageError(
        f"--device {device}: there is no such device; there is {there}. "
        "`perceiver doctor` says why a card is not seen."
    )
