"""Which span of growing data a run takes, and the model of an earlier one that it begins from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import say
from perceiver_keras.errors import UsageError

if TYPE_CHECKING:
    from perceiver_keras.tasks.task import Task

PREVIOUS = "previous"  # as --init


def pin(
    task: Task,
    preset: str,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    data: str | None,
    init: str | None,
    run_dir: Path,
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """(--data, --init, --set) in which the span is a number, and what is chosen by it a path: for this run it stays so.

    Raises:
      UsageError: there is no such span, or `--init previous` without any.
      PerceiverError: a model of an earlier run is damaged.
    """
    from perceiver_keras.data.store import spans

    chosen = task.configure(preset, options.read_config_files(config_files), overrides).data
    span = chosen.span
    both = [spans.has_span(data), spans.has_span(chosen.data_dir)]
    if all(both):
        raise UsageError(
            f"--data {data} and data.data_dir={chosen.data_dir} both have a place for the span; keep one."
        )
    if any(both):
        path, span = spans.newest(data if both[0] else chosen.data_dir, span)
        say(f"Span {span}: {path}")
        if both[0]:
            data = path
        else:
            overrides = (*overrides, f"data.data_dir={path}")
        overrides = (*overrides, f"data.span={span}")
    if init == PREVIOUS and not Path(init).exists():
        if span is None:
            raise UsageError(
                f"--init {PREVIOUS} takes the model of an earlier span; name this run's with {{SPAN}} in --data or "
                "data.data_dir, or with --set data.span=N."
            )
        found = previous(run_dir, span)
        if found is None:
            say("No earlier span has a blessed model: training begins from random weights.")
        else:
            say(f"Beginning from the blessed model of an earlier span, {found}.")
        init = None if found is None else str(found)
    return data, init, overrides


def previous(run_dir: Path, span: int) -> Path | None:
    """The newest blessed model of a run folder that was trained on an earlier span, or on data without a span.

    The same span again begins from the same model, so that its results come from the cache.
    """
    from perceiver_keras.tasks import preset_folder, run_folder

    kept = run_dir.expanduser().absolute() / run_folder.BLESSED
    names = [path.name for path in kept.iterdir()] if kept.is_dir() else []
    for name in sorted((name for name in names if name.isdecimal()), key=int, reverse=True):
        trained = preset_folder.read(kept / name)[0].data.span
        if trained is None or trained < span:
            return kept / name
    return None
