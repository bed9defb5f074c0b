"""The paper's figures, row by row, and how each can be measured again.

The table is `claims.json`, next to this file. A row names its task, the claimed values and where they are claimed, and
the protocol that measures them ("module:function"). `like` names another row of which everything else is taken. A row
whose weights were not released says with which presets they are trained; a row about a model of others is only quoted.
"""

from __future__ import annotations

import functools
import importlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_keras.errors import UsageError, nearest

if TYPE_CHECKING:
    from perceiver_keras.reproduce import Protocol

CLAIMS = Path(__file__).with_name("claims.json")
OWN = ("stated", "released", "row", "after")  # what a row never takes from another
PUBLISHED = "Perceiver IO (Jaegle et al. 2021, arXiv 2107.14795)"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A row of the table.

    Attributes:
      task: Its name in the registry; "" for a model of others, which is only quoted.
      model: The preset of the model: the released one, which the weights "deepmind" and "huggingface" stand for, or the
        one to train.
      protocol: "module:function" that opens a `reproduce.Protocol`.
      claimed: Values by the names of the task's column metrics.
      source: Where they are claimed.
      data: What they are measured on.
      note: What the source leaves open, and how we decided.
      options: The options of the protocol, with the values behind the claim.
      measured_on: The data set by which the protocol is opened; "": the row's own name.
      rule: How examples are measured, in a few words, where no option says it.
      released: Whether the weights were released.
      after: The preset that is trained first, whose weights the model starts from.
      settings: What the row changes in the preset, as `--set` takes it.
      stated: What the source says of the same row that is not measured from examples, such as parameters.
      loader: "module:function" that loads the weights, where they are not those of one model.
      folders: What a folder with the data is usually called.
    """

    name: str
    task: str = ""
    model: str = ""
    protocol: str = ""
    claimed: Mapping[str, float]
    source: str
    data: str = ""
    note: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    measured_on: str = ""
    rule: str = ""
    released: bool = False
    after: str = ""
    settings: tuple[str, ...] = ()
    stated: Mapping[str, float] = field(default_factory=dict)
    loader: str = ""
    folders: tuple[str, ...] = ()

    @property
    def quoted(self) -> bool:
        """Whether it is a figure of others, for comparison."""
        return not self.protocol

    @property
    def train_with(self) -> str:
        """The commands that train the row's model; "" where weights were released, or where it is a model of others."""
        if self.quoted or self.released:
            return ""
        changes = "".join(f" --set {shlex.quote(change)}" for change in self.settings)
        start = " --init FOLDER" if self.after else ""
        last = f"perceiver run {self.task} --preset {self.model}{changes}{start}"
        return f"perceiver run language_mlm --preset {self.after}; {last}" if self.after else last

    @property
    def weights(self) -> str:
        """Where weights come from, for people."""
        if self.quoted:
            return "a model of others, quoted"
        return "released" if self.released else f"train with: {self.train_with}"

    def open(self, data: Path, options: Mapping[str, str]) -> Protocol:
        """The protocol for the data in a folder.

        Raises:
          UsageError: the folder has another layout, there is no such option, or the row is only quoted.
        """
        self._check_measurable()
        for name in options:
            if name not in self.options:
                raise UsageError(f"{self.name} takes no {name}.{nearest(name, self.options)}")
        return _named(self.protocol)(
            self.measured_on or self.name, data, {**self.options, **options}
        )

    def load(self, weights: str, otherwise: Any) -> Any:
        """(task, model, configuration) of weights; `otherwise` loads those of one model, as most rows have."""
        if self.loader:
            return _named(self.loader)(weights)
        return otherwise(weights, self.task, self.model)

    def _check_measurable(self) -> None:
        if self.quoted:
            raise UsageError(
                f"{self.name} is quoted for comparison: a model of others, which is not part of this package."
            )


def benchmarks() -> dict[str, Benchmark]:
    """All rows, by name."""
    return dict(_read())


@functools.cache
def _read() -> Mapping[str, Benchmark]:
    rows = json.loads(CLAIMS.read_text(encoding="utf-8"))
    return {name: _row(name, rows) for name in rows}


def _row(name: str, rows: Mapping[str, Mapping[str, Any]]) -> Benchmark:
    own = _filled(name, rows)
    where = ", ".join(part for part in (PUBLISHED, own.pop("table"), own.pop("row", "")) if part)
    for key in ("settings", "folders"):
        own[key] = tuple(own.get(key, ()))
    return Benchmark(name=name, source=where, **own)


def _filled(name: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A row with what it takes from the row that it is like: everything but what is said of that row's own weights."""
    own = dict(rows[name])
    model = own.pop("like", None)
    if model is None:
        return own
    taken = {k: v for k, v in _filled(model, rows).items() if k not in OWN}
    return {"measured_on": model, **taken, **own}


def get(name: str) -> Benchmark:
    """The row of that name; raises `UsageError` that offers the nearest if there is none."""
    table, key = benchmarks(), name.replace("_", "-")
    if key not in table:
        raise UsageError(f"There is no benchmark {name!r}.{nearest(key, table)}")
    return table[key]


def _named(dotted: str) -> Any:
    module, _, function = dotted.partition(":")
    return getattr(importlib.import_module(module), function)
