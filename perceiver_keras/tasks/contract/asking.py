"""How people ask a model, and how they see what it answers: `perceiver predict`, Python calls, the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perceiver_keras.tasks.contract.examples import Labels
from perceiver_keras.tasks.contract.requests import Request, from_files

Arrays = Mapping[str, np.ndarray]


def answer_grid(contents: Sequence[Any], outputs: Sequence[Arrays], answers: Sequence[Any]) -> Any:
    """The pictures that were asked about, each with bars of its labels."""
    from perceiver_keras.show import answers as drawn

    return drawn.answer_grid(contents, answers)


@dataclass(frozen=True, kw_only=True)
class Asking:
    """From the words of a command line to answers and pictures.

    Attributes:
      requests: Words of the command line -> `Request`s, one at a time; by default each file is one.
      at_once: How many requests `predict` gives to the model together.
      pack: Contents of requests -> raw inputs for `serve`, one row per request, all of one shape.
      answers: (outputs of `serve` as NumPy, labels, top) -> one entry per request, with Hugging Face's keys.
      picture: (contents, outputs, answers), each a list with one entry per request -> matplotlib figure.
      formats: File suffix -> outputs of one request -> the bytes of that file; what `predict --save` writes in
        addition to .npz and .json.
      streams: File suffix -> path -> a writer of all requests in turn, with `add(content, outputs)` and `close()`, for
        files that `predict -o` writes as it goes, such as videos.
      report: (model, batch of inputs, targets, config, labels) -> {title: matplotlib figure} for the report; a
        figure's label, if it has one, is its caption.
    """

    requests: Callable[[Sequence[str]], Iterable[Request]] = from_files
    at_once: int = 32
    pack: Callable[[Sequence[Any]], dict[str, Any]]
    answers: Callable[[Arrays, Labels | None, int], list[Any]]
    picture: Callable[[Sequence[Any], Sequence[Arrays], Sequence[Any]], Any] = answer_grid
    formats: Mapping[str, Callable[[Arrays], bytes]] = field(default_factory=dict)
    streams: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)
    report: Callable[..., dict[str, Any]]
