"""`perceiver init DIR --task TASK`: a small repository of one's own around this package."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from string import Template

import click

from perceiver_keras import __version__
from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import answer, say
from perceiver_keras.errors import UsageError

EXAMPLES = """\b
Examples:
  perceiver init my_digits --task image_classification
  perceiver init reviews --task text-classification --preset tiny
"""
FILES = Path(__file__).parent / "template"


@click.command("init", epilog=EXAMPLES)
@click.argument("folder", type=options.LocalPath(), metavar="DIR")
@click.option("--task", type=options.TaskName(), required=True, help="What it is for.")
@click.option("--preset", default="tiny", show_default=True, help="With which settings it begins.")
@options.common_options
def command(folder: Path, task: str, preset: str) -> None:
    """Write a repository in the shape of TFX's templates: settings, pipeline, runner, README and a test.

    DIR must not exist, or be empty but for .git.
    """
    from perceiver_keras.tasks import registry

    thresholds = registry.get(task).preset(preset).config.evaluate.thresholds
    metric, limit = next(iter(thresholds.items()), ("accuracy", 0.9))
    words = {
        "title": folder.absolute().name,
        "task": task,
        "preset": preset,
        "run_dir": f"runs/{task}",
        "version": __version__,
        "metric": metric,
        "limit": limit,
    }
    files = written(words)
    _write(folder, files)
    say(f"{folder} has a project for {task}:")
    for name in files:
        say(f"  {name}")
    place = f"./{folder}" if str(folder).startswith("-") else str(folder)
    say(f"\nNext: cd {shlex.quote(place)} && python -m pytest && python local_runner.py")
    answer({"folder": str(folder), "task": task, "preset": preset, "files": list(files)})


def written(words: dict[str, object]) -> dict[str, str]:
    """{path in the repository: content}, from the templates."""
    found = {}
    for path in sorted(FILES.rglob("*.txt")):
        name = path.relative_to(FILES).as_posix().removesuffix(".txt")
        name = ".gitignore" if name == "gitignore" else name
        found[name] = Template(path.read_text(encoding="utf-8")).substitute(words)
    return found


def _write(folder: Path, files: dict[str, str]) -> None:
    """Writes the files, all or none.

    Raises:
      UsageError: there is something, or the folder can't be made.
    """
    from perceiver_keras.files import whole_folder

    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file; name a new folder.")
        if not folder.exists():
            with whole_folder(folder.absolute(), last="README.md") as aside:
                _fill(aside, files)
            return
        if any(path.name != ".git" for path in folder.iterdir()):
            raise UsageError(f"{folder} is not empty; name a new folder, nothing is overwritten.")
        # Not replaced by another of its name: a shell may be in it (`perceiver init .`), or a disk mounted there.
        with tempfile.TemporaryDirectory(prefix=".init-", dir=folder) as aside:
            _fill(Path(aside), files)
            for path in Path(aside).iterdir():
                path.rename(folder / path.name)
    except OSError as error:
        raise UsageError(f"{folder} can't be made: {error.strerror or error}.") from None


def _fill(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
