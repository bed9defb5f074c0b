"""`--precision`: the number format that a model is loaded in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click


def precision_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--precision`, which holds for all models that the command's own function makes."""

    @functools.wraps(function)
    def with_precision(*args: Any, precision: str, **kwargs: Any) -> Any:
        if precision == "float32":
            return function(*args, **kwargs)
        from perceiver_keras.policy import precision as as_context

        with as_context(precision):
            return function(*args, **kwargs)

    option = click.option(
        "--precision",
        type=click.Choice(["float32", "bfloat16"]),
        default="float32",
        show_default=True,
        help="Of weights and computation; bfloat16 is half as large, and faster where the processor has it.",
    )
    return option(with_precision)
