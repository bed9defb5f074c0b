"""What `predict` writes: one file for all answers, or a folder with one file per request, which a rerun completes."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_keras.commands.shared.answer_folder import AnswerFolder, Identity, identity
from perceiver_keras.commands.shared.file_names import shown
from perceiver_keras.commands.shared.output import say
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.files import write_whole

if TYPE_CHECKING:  # `predict --help` must not import TensorFlow
    from perceiver_keras.tasks.task import Task

Bytes = Callable[[Sequence["Result"]], bytes]


class Result:
    """The result of one request: an answer and the numbers behind it, or an error.

    Attributes:
      identity: By which a folder of answers knows the request again; set by `Files.there`.
      written: The files in folders that hold the answer.
    """

    def __init__(self, name: str, content: Any, error: str = ""):
        self.name, self.content, self.error = name, content, error
        self.answer: Any = None
        self.numbers: dict[str, Any] = {}
        self.identity: Identity | None = None
        self.written: list[str] = []


class Files:
    """The files or folders that -o and --save name.

    Attributes:
      skipped: Names of the requests whose files all existed already.

    Raises:
      UsageError: the task can't write files with this suffix, or nothing can be written there.
    """

    def __init__(self, task: Task, out: str | None, save: str | None):
        asking = task.asking
        self._formats = {suffix: _OfOne(make) for suffix, make in asking.formats.items()}
        pictures = {".png": lambda results: _picture(task, results)} if asking.picture else {}
        numbers = {".npz": _Npz(asking.padding), ".json": _json}
        self._targets: list[_Target | _Stream] = []
        if out and _suffix(out) in asking.streams:
            self._targets.append(_Stream(asking.streams[_suffix(out)], out))
        elif out:
            more = self._formats | dict.fromkeys(asking.streams)
            if not pictures and not more:
                raise UsageError(
                    f"-o {out}: {task.name} has no pictures of its answers; use --save or --json."
                )
            self._targets.append(_Target(out, pictures, more))
        if save:
            self._targets.append(_Target(save, self._formats | numbers, {}))
        for target in self._targets:
            _check_writable(target.path, target.folder)
        if len(self._targets) == 2:
            first, second = (target.path.absolute() for target in self._targets)
            if first == second and not all(target.folder for target in self._targets):
                raise UsageError(f"-o and --save name the same file, {out}; name two.")
        self._seen: Counter[str] = Counter()
        self.skipped: list[str] = []

    def check(self, words: Sequence[str], results: Sequence[Result]) -> None:
        """Refuses what is known before any answer.

        Args:
          words: Of the command line.
          results: The first requests; two are enough.

        Raises:
          UsageError: an answer would replace what is asked about, or one file can't hold the answers.
        """
        inputs = {os.path.realpath(word) for word in words if os.path.isfile(word)}
        for target in self._targets:
            if not target.folder and os.path.realpath(target.path) in inputs:
                raise UsageError(f"{target.path} is also what is asked about; name another file.")
            target.check_count(sum(not result.error for result in results))

    def answered_by(self, name: str, digest: Callable[[], str]) -> None:
        """Says which model answers: its name for people, and the digest of all that an answer depends on."""
        folders = [target for target in self._targets if target.folder]
        model = digest() if folders else ""
        for target in folders:
            target.answers.by, target.answers.model = name, model

    def there(self, result: Result) -> bool:
        """Whether every file of this request exists already (in folders only), from the same content and model."""
        if result.error or not any(target.folder for target in self._targets):
            return False
        result.identity = identity(result.name, result.content, self._seen)
        done = all(t.folder and t.answers.there(result.identity) for t in self._targets)
        if done:
            self.skipped.append(result.name)
            say(f"{shown(result.name)}\texists, skipped")
        return done

    def add(self, result: Result) -> None:
        """Writes, or keeps until `finish`, one answer. If it can't be drawn or written, that is the result's error."""
        for target in self._targets:
            target.add(result)
        if not any(target.keeps for target in self._targets):
            # Written already, or not wanted: a long sequence must not pile up in memory.
            result.content, result.numbers = None, {}

    def finish(self) -> None:
        """Writes the files of all answers; if one fails, the others are written before the error is raised."""
        failed: list[Exception] = []
        for target in self._targets:
            try:
                target.finish()
            except (PerceiverError, OSError) as error:
                failed.append(error)
        if failed:
            raise failed[0]


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _check_writable(path: Path, folder: bool) -> None:
    """Raises `UsageError` if the file, or a file in the folder, can't be written; the folders above need not exist."""
    if folder and path.exists() and not path.is_dir():
        raise UsageError(
            f"{path} is a file, not a folder; name another, or without the / at its end."
        )
    above = path.absolute() if folder else path.absolute().parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise UsageError(f"{path} can't be written: {above} is not a folder.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"{path} can't be written: no permission to write to {above}.")


class _Target:
    """One path: a file for all results, or a folder with one file per result."""

    def __init__(self, path: str, formats: Mapping[str, Bytes], more: Mapping[str, Bytes]):
        """`formats`: how to write each suffix, the first also in folders; `more`: others, of a single file only."""
        self.path = Path(path)
        self.folder = path.endswith("/") or self.path.is_dir()
        self.keeps = not self.folder  # whether results are kept until the end
        choices = {**formats, **{key: make for key, make in more.items() if key not in formats}}
        suffix = next(iter(formats), "") if self.folder else _suffix(path)
        if suffix not in choices:
            raise UsageError(
                f"{path}: write it as {' or '.join(choices)}"
                + (", or name a folder with a / at its end." if formats else ".")
            )
        self._make = choices[suffix]
        self.answers = AnswerFolder(self.path, suffix)
        self._results: list[Result] = []

    def check_count(self, count: int) -> None:
        if count > 1 and not self.folder and isinstance(self._make, _OfOne):
            raise UsageError(
                f"{self.path}: a file of this kind holds one answer, but there are {count} or more; name a folder "
                "with a / at its end, or a .npz file."
            )

    def add(self, result: Result) -> None:
        if not self.folder:
            # Fails now instead of hours later.
            self.check_count(len(self._results) + 1)
            if self._results and isinstance(self._make, _Npz):
                self._make.check(self._results[0], result)
            self._results.append(result)
            return
        if result.error:
            return
        try:
            content = self._make([result])
        except PerceiverError as error:
            result.error = str(error)
            return
        if result.identity is None:
            result.identity = identity(result.name, result.content, Counter())
        result.written.append(str(self.answers.write(result.name, result.identity, content)))

    def finish(self) -> None:
        if self._results:
            content = self._make(self._results)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, content)
            say(f"Written: {self.path}")
        elif not self.folder:
            say(f"Not written: {self.path}, because there is no answer.")


class _Stream:
    """A file for all results, written as they come."""

    keeps = folder = False

    def __init__(self, make: Callable[[str], Any], path: str):
        self._writer, self.path = make(path), Path(path)
        self._count = 0

    def check_count(self, count: int) -> None:
        """Takes any number."""

    def add(self, result: Result) -> None:
        self._writer.add(result.content, result.numbers)
        self._count += 1

    def finish(self) -> None:
        self._writer.close()
        none = f"Not written: {self.path}, because there is no answer."
        say(f"Written: {self.path}" if self._count else none)


class _OfOne:
    """A format of the task's own, with one answer per file."""

    def __init__(self, make: Callable[[Mapping[str, Any]], bytes]):
        self._of = make

    def __call__(self, results: Sequence[Result]) -> bytes:
        if len(results) != 1:
            raise UsageError(
                f"A file of this kind holds one answer, but there are {len(results)}; name a folder "
                "with a / at its end, or a .npz file."
            )
        return self._of(results[0].numbers)


def _picture(task: Task, results: Sequence[Result]) -> bytes:
    from perceiver_keras.show import style

    figure = task.asking.picture(
        [result.content for result in results],
        [result.numbers for result in results],
        [result.answer for result in results],
    )
    return style.to_png(figure)


def _columns(results: Sequence[Result]) -> dict[str, list[Any]]:
    return {name: [result.numbers[name] for result in results] for name in results[0].numbers}


def _json(results: Sequence[Result]) -> bytes:
    import json

    import numpy as np

    plain = {key: [np.asarray(v).tolist() for v in col] for key, col in _columns(results).items()}
    names = [result.name for result in results]
    return json.dumps({"files": names, **_decoded(plain)}, indent=2).encode()


class _Npz:
    """All numbers as arrays; sequences of different lengths are padded with what the task names, {output: value}."""

    def __init__(self, padding: Mapping[str, Any]):
        self._padding = padding

    def __call__(self, results: Sequence[Result]) -> bytes:
        import numpy as np

        buffer = io.BytesIO()
        for other in results[1:]:
            self.check(results[0], other)
        arrays = {name: self._array(name, column) for name, column in _columns(results).items()}
        np.savez(buffer, files=np.array([result.name for result in results]), **arrays)
        return buffer.getvalue()

    def check(self, first: Result, other: Result) -> None:
        """Raises `UsageError` if the numbers of two results don't fit into one array."""
        import numpy as np

        for name, value in first.numbers.items():
            start = int(name in self._padding)
            sizes = [np.shape(one)[start:] for one in (value, other.numbers[name])]
            if sizes[0] != sizes[1]:
                raise UsageError(
                    "The answers have different sizes and don't fit into one .npz; name a folder with a / at its end."
                )

    def _array(self, name: str, column: Sequence[Any]) -> Any:
        """One array; strings become NumPy's own text type, so that they can be read without pickle."""
        import numpy as np

        arrays = [np.asarray(one) for one in column]
        if name in self._padding:
            most = max(len(one) for one in arrays)
            arrays = [
                np.pad(
                    one,
                    [(0, most - len(one))] + [(0, 0)] * (one.ndim - 1),
                    constant_values=self._padding[name],
                )
                for one in arrays
            ]
        if arrays[0].dtype.kind not in "OS":
            return np.stack(arrays)
        return np.array(_decoded([one.tolist() for one in arrays]))


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
