"""How people query a model and see its answers: `perceiver predict`, calls from Python, the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, from_files

Arrays = Mapping[str, np.ndarray]


def answer_grid(contents: Sequence[Any], outputs: Sequence[Arrays], answers: Sequence[Any]) -> Any:
    """The pictures of the requests, each with bars for its most likely labels."""
    from perceiver_keras.show import answers as drawn

    return drawn.answer_grid(contents, answers)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """From the arguments of a command line to answers and pictures.

    Attributes:
      requests: Arguments of the command line -> `Request`s, one at a time; by default, each file is a request.
      at_once: How many requests `predict` passes to the model together.
      pack: Contents of requests -> raw inputs for `serve`, one row per request, all of one shape.
      answers: (outputs of `serve` as NumPy, labels, top) -> one entry per request, with Hugging Face's keys.
      picture: (contents, outputs, answers), each a list with one entry per request -> a Matplotlib figure.
      formats: {file suffix: (outputs of one request) -> the file's bytes}; what `predict --save` writes besides .npz
        and .json.
      streams: {file suffix: (path) -> a writer}, for files such as videos that `predict -o` writes request by request;
        the writer has `add(content, outputs)` and `close()`.
      report: (model, batch of inputs, targets, config, labels) -> {title: Matplotlib figure}, the pictures of the
        report; a figure's label, if set, becomes its caption.
    """

    requests: Callable[[Sequence[str]], Iterable[Request]] = from_files
    at_once: int = 32
    pack: Callable[[Sequence[Any]], dict[str, Any]]
    answers: Callable[[Arrays, Labels | None, int], list[Any]]
    picture: Callable[[Sequence[Any], Sequence[Arrays], Sequence[Any]], Any] = answer_grid
    formats: Mapping[str, Callable[[Arrays], bytes]] = field(default_factory=dict)
    streams: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)
    report: Callable[..., dict[str, Any]]
