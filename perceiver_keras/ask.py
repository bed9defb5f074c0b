"""A model behind one call, by the names that people type: `pipeline("optical-flow")("a.png", "b.png")`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_keras.convert.download import cached
from perceiver_keras.convert.hub import SOURCES, preset_of
from perceiver_keras.convert.names import RELEASED
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.perceiver_io_checks import whole
from perceiver_keras.tasks import official, registry, run_folder
from perceiver_keras.tasks.contract.requests import Request
from perceiver_keras.tasks.model import TaskModel, load
from perceiver_keras.tasks.shared.inputs import kind_of, plain
from perceiver_keras.tasks.task import Task

# What Hugging Face calls a task that it knows by another name.
ALIASES = {"fill_mask": "language_mlm"}


class Pipeline:
    """Asks one model, with what people have.

    Attributes:
      task: The task's name.
      model: A `TaskModel`, or the `Servable` of an exported model.
      name: Where the model comes from.
    """

    def __init__(self, task: Task, model: Any, name: str):
        self.task, self.model, self.name = task.name, model, name
        self._asking = task.asking
        if isinstance(model, TaskModel):
            self._run: Callable[[dict], Mapping[str, Any]] = model.served
            self._labels = model.labels
        else:
            spare = set(task.asking.spare) - set(model.signature("serving_default").inputs)
            self._run = lambda raw: model.predict(
                "serving_default", **{k: v for k, v in raw.items() if k not in spare}
            )
            self._labels = model.task.get("labels")

    def __repr__(self) -> str:
        return f"<pipeline of {self.task}, {self.name}>"

    def __call__(self, *inputs: Any, top: int = 5) -> Any:
        """The answers, with the keys of Hugging Face's pipelines, as `perceiver predict --json` has them.

        Args:
          inputs: One input: a text; a path, a folder or a glob; the bytes of a file; a PIL image; an array; or what
            else the task's model takes. Or a list of inputs. Optical flow takes two frames, as two arguments or as a
            pair, a folder of frames, or a video.
          top: How many labels per answer.

        Returns:
          The answer to one input; for a list, a folder or a glob, a list of answers.

        Raises:
          UsageError: it is not what the task takes, or `top` is below 1.
          PerceiverError: a file can't be read or decoded.
        """
        whole("top", top)
        requests, single = self._requests(inputs)
        found = [
            answer
            for outputs in self._outputs(requests)
            for answer in self._asking.answers(outputs, self._labels, top)
        ]
        return found[0] if single else found

    def outputs(self, *inputs: Any) -> Any:
        """What the model computes for the same inputs, as arrays by name: of optical flow {"flow": [H, W, 2]}.

        Returns, of one input, the arrays; else a list of them. Raises as a call does.
        """
        requests, single = self._requests(inputs)
        found = [
            {name: value[row] for name, value in outputs.items()}
            for outputs in self._outputs(requests)
            for row in range(len(next(iter(outputs.values()))))
        ]
        return found[0] if single else found

    def _requests(self, inputs: tuple[Any, ...]) -> tuple[list[Request], bool]:
        """The requests, and whether they are one input's."""
        if not inputs:
            raise UsageError("Nothing was given to answer; see help(pipeline).")
        given = plain(inputs[0]) if len(inputs) == 1 else inputs
        if _is_words(given):
            word = _word(given)
            found = self._of_words([word])
            return found, len(found) == 1 and not (os.path.isdir(word) or _is_glob(word))
        if (one := self._asking.content(given)) is not None:
            return [Request("", one)], True
        if isinstance(given, (Mapping, np.generic, bytes)) or not hasattr(given, "__iter__"):
            raise UsageError(f"{self.task} does not take {kind_of(given)}.")
        if isinstance(given, np.ndarray) and not given.ndim:
            raise UsageError(f"{self.task} does not take {kind_of(given)}.")
        several = [plain(one) for one in given]
        if several and all(map(_is_words, several)):
            return self._of_words([_word(one) for one in several]), False
        return [request for one in several for request in self._of_item(one)], False

    def _of_item(self, item: Any) -> list[Request]:
        if _is_words(item):
            return self._of_words([_word(item)])
        content = self._asking.content(item)
        if content is None:
            raise UsageError(f"{self.task} does not take {kind_of(item)}.")
        return [Request("", content)]

    def _of_words(self, words: list[str]) -> list[Request]:
        """As the command line takes them."""
        found = []
        for request in self._asking.requests(words):
            if request.error:
                raise PerceiverError(f"{request.name}: {request.error}")
            found.append(request)
        return found

    def _outputs(self, requests: list[Request]) -> Iterator[Mapping[str, np.ndarray]]:
        rest = iter(requests)
        while some := list(islice(rest, self._asking.at_once)):
            try:
                yield self._run(self._asking.pack([one.content for one in some]))
            except PerceiverError as error:
                if len(some) == 1:
                    raise _about(some[0].name, error) from None
                # Of several shapes, say: one at a time.
                yield from (found for one in some for found in self._outputs([one]))


def pipeline(
    task: str | os.PathLike[str],
    model: Any = None,
    *,
    weights: str | os.PathLike[str] | None = None,
) -> Pipeline:
    """A model to ask, by the names that people type.

        flow = pk.pipeline("optical-flow")                          # the released model
        flow.outputs("frame1.png", "frame2.png")["flow"]            # [H, W, 2] in pixels
        pk.pipeline("image-classification", "runs/digits")("digit.png")

    Args:
      task: A task, with hyphens or underscores. Or at once a model, whose task is then known: a folder, TASK/PRESET, or
        a repository of the hub such as "deepmind/optical-flow-perceiver".
      model: A preset, a folder (of a preset, of a run, of an export), a repository of the hub, or a model of this
        package. None: the task's released model, or runs/TASK where there is one.
      weights: Of a preset or a repository: a file or folder of official or own weights, "deepmind" or "huggingface",
        which are downloaded once. None: those in the cache, else "huggingface".

    Raises:
      UsageError: there is no such task, model or preset, they don't belong together, or weights are needed.
      PerceiverError: the weights can't be downloaded or don't fit; the message says how to get them.
    """
    if not _is_words(task):
        raise UsageError(f"Expected the name of a task or a model; got {kind_of(task)}.")
    if not isinstance(model, (str, os.PathLike, TaskModel, type(None))):
        raise UsageError(
            f"Expected a folder, a preset or a model of this package's tasks; got {kind_of(model)}."
        )
    name = os.fspath(task).replace("-", "_").lower()
    name = ALIASES.get(name, name)
    if name not in registry.names():
        if model is not None:
            registry.canonical(str(task))  # says which tasks there are
        found = _of_name(task, weights)
        return Pipeline(registry.get(_task_of(found)), found, str(task))
    home = registry.get(name)
    if isinstance(model, TaskModel):
        found, model = model, model.name
    elif model is None:
        found, model = _by_default(home, weights)
    elif str(model) in home.presets and not Path(model).exists():
        found = _of_preset(home, str(model), weights)
    else:
        found = _of_name(model, weights)
    if _task_of(found) != home.name:
        raise UsageError(f"{model} is a model for {_task_of(found)}, not for {home.name}.")
    return Pipeline(home, found, str(model))


def _by_default(task: Task, weights: Any) -> tuple[Any, str]:
    """The model of a task that is named alone, and where it comes from."""
    released = [name for name in task.presets if name in RELEASED]
    if weights is not None and str(weights) not in SOURCES and not preset_of(weights):
        place = Path(weights).expanduser()
        if not place.exists():
            raise PerceiverError(
                f"There are no weights at {weights}; name a file, a folder, deepmind or huggingface."
            )
        found = official.load_official(place) if official.is_official(place) else load(place)
        return found, str(weights)
    if released:
        return _of_preset(task, released[0], weights), released[0]
    folder = Path("runs") / task.name
    if run_folder.is_run_folder(folder):
        return load(folder), str(folder)
    raise UsageError(
        f"{task.name} has no released model; give one of your own: pipeline({task.name!r}, 'runs/…'). "
        f"`perceiver train {task.name}` makes one."
    )


def _of_preset(task: Task, preset: str, weights: Any) -> TaskModel:
    if weights is None and preset not in RELEASED:
        raise UsageError(
            f"The preset {preset} has no released weights, and new ones would answer at random; give weights=, or a "
            "folder that `perceiver train` wrote."
        )
    return task.model.from_preset(preset, weights=weights or cached(preset) or "huggingface")


def _of_name(name: Any, weights: Any) -> Any:
    """The model of a folder, of TASK/PRESET, of a preset that one task has, or of a repository of the hub."""
    if preset := preset_of(name):
        return _of_preset(registry.having(preset)[0], preset, weights)
    folder = Path(name).expanduser()
    if _holds_export(folder):
        from perceiver_keras.serve import Servable

        return Servable(str(folder))
    task, _, preset = str(name).rpartition("/")
    owners = [registry.get(task)] if task in registry.names() else registry.having(preset)
    if not folder.exists() and len(owners) == 1 and preset in owners[0].presets:
        return _of_preset(owners[0], preset, weights)
    if official.is_official(folder):
        return official.load_official(folder)
    if not folder.exists() and not task and not owners:
        registry.canonical(str(name))  # what was meant is probably a task
    return load(folder if folder.is_dir() else str(name), weights)


def _holds_export(folder: Path) -> bool:
    if (folder / "saved_model.pb").is_file():
        return True
    inside = folder.iterdir() if folder.is_dir() else ()
    return any(path.name.isdigit() and (path / "saved_model.pb").is_file() for path in inside)


def _task_of(model: Any) -> str:
    name = model.task_name if isinstance(model, TaskModel) else model.task.get("task")
    if name is None:
        raise UsageError(f"{model.folder} does not say which task it is for.")
    return name


def _about(name: str, error: PerceiverError) -> PerceiverError:
    """The error with the name of the file that it is about."""
    if not os.path.exists(name) or name in str(error):
        return error
    return (UsageError if isinstance(error, UsageError) else PerceiverError)(f"{name}: {error}")


def _is_words(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike))


def _word(value: str | os.PathLike[str]) -> str:
    """As typed on the command line, where a word that is no file may be a text; a `Path` is always a file's."""
    word = os.fspath(value)
    if not isinstance(value, str) and not os.path.exists(word) and not _is_glob(word):
        raise PerceiverError(f"{word}: No such file or directory")
    return word


def _is_glob(word: str) -> bool:
    import glob

    return glob.has_magic(word) and not os.path.exists(word) and bool(glob.glob(word))
