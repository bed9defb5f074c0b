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


def as_line(answer: Any) -> str:
    """Labels with scores as `cat 98.2%  dog 1.0%`, several lists of them with ` | ` between, anything else as it is."""
    if isinstance(answer, list) and answer and all(isinstance(one, list) for one in answer):
        return " | ".join(as_line(one) for one in answer)
    if isinstance(answer, list) and all(
        isinstance(one, Mapping) and "score" in one for one in answer
    ):
        names = ("label", "entity", "token_str")
        return "  ".join(
            f"{next((one[k] for k in names if k in one), '?')} {one['score']:.1%}" for one in answer
        )
    if isinstance(answer, Mapping) and set(answer) == {"label", "score"}:
        return f"{answer['label']} {answer['score']:g}"
    return str(answer)


def any_content(value: Any) -> Any:
    """The content of one request, as it is; None for a list, which is several."""
    return None if isinstance(value, list) else value


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """The model's answers to a batch of examples that each belong to a class.

    Attributes:
      truth: The true classes, integers [B]; or bool [B, K], where an example may have several classes or none.
      probabilities: [B, K].
      example: Row -> what people are shown of it, a picture [H, W, C] of any range or a text.
      names: Of the K classes, if they are not the data set's labels.
    """

    truth: np.ndarray
    probabilities: np.ndarray
    example: Callable[[int], np.ndarray | str]
    names: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Asking:
    """From the arguments of a command line to answers and pictures.

    Attributes:
      requests: Arguments of the command line -> `Request`s, one at a time; by default, each file is a request.
      content: A value of a Python program -> the content of one request, or None if it is not one, such as a list of
        them. Texts and paths go through `requests` before.
      at_once: How many requests `predict` passes to the model together.
      pack: Contents of requests -> raw inputs for `serve`, one row per request, all of one shape.
      spare: Inputs of `pack` that some models of the task do without, such as a video's frames for a model of sounds.
      answers: (outputs of `serve` as NumPy, labels, top) -> one entry per request, with Hugging Face's keys.
      line: An answer -> what `predict` prints after the request's name, for people.
      picture: (contents, outputs, answers), each a list with one entry per request -> a Matplotlib figure; None if
        there is none.
      padding: {output: value} of the outputs that are a sequence of any length per request. In one .npz, `predict
        --save` fills shorter ones up with the value.
      formats: {file suffix: (outputs of one request) -> the file's bytes}; what `predict --save` writes besides .npz
        and .json.
      streams: {file suffix: (path) -> a writer}, for files such as videos that `predict -o` writes request by request;
        the writer has `add(content, outputs)` and `close()`.
      report: (model, batch of inputs, targets, config, labels) -> {title: Matplotlib figure}, the pictures of the
        report; a figure's label, if set, becomes its caption.
      verdicts: (model, batch of inputs, targets, config) -> `Verdicts`, from which the report says how good the model
        is for each class; None, or a function that returns None, if answers are not classes.
    """

    requests: Callable[[Sequence[str]], Iterable[Request]] = from_files
    content: Callable[[Any], Any] = any_content
    at_once: int = 32
    pack: Callable[[Sequence[Any]], dict[str, Any]]
    spare: tuple[str, ...] = ()
    answers: Callable[[Arrays, Labels | None, int], list[Any]]
    line: Callable[[Any], str] = as_line
    picture: Callable[[Sequence[Any], Sequence[Arrays], Sequence[Any]], Any] | None = answer_grid
    padding: Mapping[str, Any] = field(default_factory=dict)
    formats: Mapping[str, Callable[[Arrays], bytes]] = field(default_factory=dict)
    streams: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)
    report: Callable[..., dict[str, Any]]
    verdicts: Callable[..., Verdicts | None] | None = None
