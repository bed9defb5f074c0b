"""`perceiver predict TASK FILES...`: answers for files of your own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands import files, options
from perceiver_keras.commands.output import answer, say
from perceiver_keras.errors import UsageError

BATCH = 32  # requests at once

EXAMPLES = """\b
Examples:
  perceiver predict image_classification digit.png --model runs/digits/pushed
  perceiver predict image_classification photos/ 'more/*.jpg' --top 3 --json
  perceiver predict image_classification a.png -o answers.png --save answers.npz
  cat a.png | perceiver predict image_classification - --weights runs/train_image_classification/preset

\b
Files that can't be read or decoded are named, the others are answered, and
the exit code is then 1.
"""


@click.command("predict", epilog=EXAMPLES)
@options.task_argument
@click.argument("names", nargs=-1, metavar="FILES...")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A SavedModel, or a folder of versions (the newest is taken)."
    "  [default: runs/TASK/pushed, where it is]",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A preset folder, as `perceiver train` writes it, in place of --model.",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=5, show_default=True, help="Answers a file."
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="A picture of the answers (.png)."
)
@click.option(
    "--save", type=click.Path(path_type=Path), help="The numbers themselves (.npz or .json)."
)
@options.common_options
def command(
    task: str,
    names: tuple[str, ...],
    model: Path | None,
    weights: Path | None,
    top: int,
    out: Path | None,
    save: Path | None,
) -> int:
    """Answers for FILES: files, folders, quoted globs, or - for standard input.

    With --json the keys are those of Hugging Face's pipelines (`label`, `score`): list in, list out.
    """
    if model and weights:
        raise UsageError("--model and --weights name two models; give one of them.")
    for path, suffixes in ((out, (".png",)), (save, (".npz", ".json"))):
        if path and path.suffix not in suffixes:
            raise UsageError(f"{path}: write it as {' or '.join(suffixes)}.")
    found = files.expand(names)
    predictor = _from_weights(task, weights) if weights else _from_saved_model(task, model)

    results: list[Result] = []
    for start in range(0, len(found), BATCH):
        results += _answers(predictor, [files.read(n) for n in found[start : start + BATCH]], top)
    good = [result for result in results if result.error == ""]
    for result in good:
        say(f"{result.name}\t{_line(result.answer)}")
    bad = [result for result in results if result.error]
    for result in bad:
        click.echo(f"{result.name}: {result.error}", err=True)
    if out and good:
        _draw(good, out)
    if save and good:
        _save(good, save)
    answer(
        {
            "task": task,
            "model": predictor.folder,
            "predictions": [{"file": r.name, "answer": r.answer} for r in good],
            "errors": [{"file": r.name, "error": r.error} for r in bad],
        }
    )
    return int(bool(bad))


class Predictor:
    """A model behind one function: raw inputs to named outputs, one row a request."""

    def __init__(self, task: Any, folder: Path, run: Callable[..., Any], labels: Any):
        self.task, self.folder, self.run, self.labels = task, folder, run, labels


class Result:
    """What came of one file: an answer and the numbers behind it, or an error."""

    def __init__(self, name: str, content: bytes | None, error: str = ""):
        self.name, self.content, self.error = name, content, error
        self.answer: Any = None
        self.numbers: dict[str, Any] = {}


def _from_saved_model(task_name: str, model: Path | None) -> Predictor:
    from perceiver_keras.serve import Servable
    from perceiver_keras.tasks import registry

    default = Path("runs") / task_name / "pushed"
    if model is None and not default.is_dir():
        raise UsageError(
            f"Name the model with --model or --weights; {default} is not here. "
            f"`perceiver run {task_name}` makes it."
        )
    servable = Servable(str(model or default))
    about = servable.task
    if about.get("task", task_name) != task_name:
        raise UsageError(f"{servable.folder} is a model for {about['task']}, not for {task_name}.")

    def run(raw: dict[str, Any]) -> Any:
        return servable.predict("serving_default", **raw)

    return Predictor(registry.get(task_name), Path(servable.folder), run, about.get("labels"))


def _from_weights(task_name: str, folder: Path) -> Predictor:
    task, model, config = options.load_preset_folder(folder, task_name)

    def run(raw: dict[str, Any]) -> Any:
        outputs = task.serve(model, raw, config, model.labels)
        return {name: value.numpy() for name, value in outputs.items()}

    return Predictor(task, folder, run, model.labels)


def _answers(predictor: Predictor, inputs: Sequence[files.Read], top: int) -> list[Result]:
    """One result an input, in order; a file that spoils the batch is found by asking one by one."""
    results = [Result(*item) for item in inputs]
    readable = [result for result in results if result.content is not None]
    try:
        _fill(predictor, readable, top)
    except Exception:  # TensorFlow's, or a task's own words on a content it can't take
        for result in readable:
            try:
                _fill(predictor, [result], top)
            except Exception as error:
                result.error = _why(error)
    return results


def _fill(predictor: Predictor, results: Sequence[Result], top: int) -> None:
    if not results:
        return
    raw = predictor.task.read([result.content for result in results])
    outputs = predictor.run(raw)
    answers = predictor.task.answer(outputs, predictor.labels, top)
    for index, result in enumerate(results):
        result.answer = answers[index]
        result.numbers = {name: value[index] for name, value in outputs.items()}


def _why(error: Exception) -> str:
    from perceiver_keras.commands.explain import explain

    words = explain(error)[0]
    return "can't be decoded" if "image" in words.lower() and "decod" in words.lower() else words


def _line(entry: Any) -> str:
    """Hugging Face's dictionaries as `label 98.2%`, anything else as it is."""
    if isinstance(entry, list) and all(isinstance(e, dict) and "score" in e for e in entry):
        return "  ".join(f"{e.get('label', e.get('token_str'))} {e['score']:.1%}" for e in entry)
    return str(entry)


def _draw(results: Sequence[Result], out: Path) -> None:
    from perceiver_keras.files import write_whole
    from perceiver_keras.show import answers, style

    figure = answers.answer_grid(
        [result.content for result in results], [result.answer for result in results]
    )
    write_whole(out, style.to_png(figure))
    say(f"Picture: {out}")


def _save(results: Sequence[Result], save: Path) -> None:
    import io

    import numpy as np

    from perceiver_keras.files import write_json, write_whole

    names = [result.name for result in results]
    columns = {name: [result.numbers[name] for result in results] for name in results[0].numbers}
    if save.suffix == ".json":
        plain = {key: np.asarray(column).tolist() for key, column in columns.items()}
        write_json(save, {"files": names, **_decoded(plain)})
    else:
        buffer = io.BytesIO()
        arrays = {key: _array(column) for key, column in columns.items()}
        np.savez(buffer, files=np.array(names), **arrays)
        write_whole(save, buffer.getvalue())
    say(f"Numbers: {save}")


def _array(column: Sequence[Any]) -> Any:
    """One array; strings as NumPy's own text, so that no pickle is needed to read them."""
    import numpy as np

    array = np.asarray(column)
    return np.array(_decoded(array.tolist())) if array.dtype == object else array


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
