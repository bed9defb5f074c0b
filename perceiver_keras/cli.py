"""The `perceiver` command: a table of commands, each imported only when it is called.

`perceiver --help` and `perceiver COMMAND --help` import neither TensorFlow nor TFX. This module has
what all commands share: both spellings of names (`--run-dir`, `--run_dir`), one JSON object on
stdout with `--json`, errors in one line, and the exit codes (0 done, 1 failed, 2 wrong usage,
3 trained but not blessed, 130 interrupted).
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import traceback
import warnings
from typing import Any, NamedTuple

import click

from perceiver_keras import __version__, stack
from perceiver_keras.errors import PerceiverError, UsageError, nearest


class Row(NamedTuple):
    """One command: its name, which is also its module in perceiver_keras.commands, and what it does."""

    name: str
    summary: str


COMMANDS = (
    Row("tasks", "List the tasks."),
    Row("presets", "List the presets of a task: sizes, and where the numbers come from."),
    Row(
        "init", "Write a small repository of your own for a task: settings, pipeline, runner, test."
    ),
    Row("config", "Print all settings of a task, with your changes, as YAML."),
    Row("run", "Run the whole pipeline: data, training, gate, export, push, report."),
    Row("compile", "Write the pipeline as a file for Vertex AI or Kubeflow Pipelines."),
    Row("train", "Train straight from TFDS, without the pipeline."),
    Row("launch", "Train with several workers on this machine, watched and started again."),
    Row("evaluate", "Measure a saved model on a split."),
    Row("export", "Turn a saved model into a SavedModel for TensorFlow Serving."),
    Row("serve", "Answer over gRPC and REST, as TensorFlow Serving does."),
    Row("predict", "Ask a model about your own files or sentences."),
    Row("reproduce", "Measure published results on your data, next to the claimed ones."),
    Row("convert", "Convert official weights (DeepMind, Hugging Face) in and out."),
    Row("report", "Show the result of a run, and its report."),
    Row("schema", "Show what a run folder's data may be, and accept a change of it."),
    Row("lineage", "Follow a model back to its data, settings, code and judges."),
    Row("compare", "Compare two runs: settings, data, metrics, slices, cost."),
    Row("rollback", "Publish the blessed version before the present one again."),
    Row("benchmark", "Measure speed and memory, next to Hugging Face and other peers."),
    Row("doctor", "Check versions and devices: what is missing, and how to get it."),
)

# Weights stay what they are as long as one of these runs.
PREDICT_ONLY = ("predict", "evaluate")

EXAMPLES = """\b
Examples:
  perceiver run image_classification --preset tiny
  perceiver predict image_classification digit.png --model runs/image_classification/pushed
  perceiver doctor
"""


def dashes(name: str) -> str:
    """The spelling that click compares: `--run_dir` becomes `--run-dir`."""
    return name.replace("_", "-")


class Commands(click.Group):
    """Looks commands up in `COMMANDS` and turns what they raise into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [row.name for row in COMMANDS]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = dashes(name).replace("-", "_")
        if name not in self.list_commands(ctx):
            return None
        return importlib.import_module(f"perceiver_keras.commands.{name}").command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise UsageError(
                f"There is no command {args[0]!r}.{nearest(args[0], self.list_commands(ctx))}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS))

    def main(self, args: list[str] | None = None, **kwargs: Any) -> None:
        """Runs the command, prints its error if there is one, and exits with the code."""
        from perceiver_keras.commands.shared import output

        arguments = list(sys.argv[1:] if args is None else args)
        options = arguments[: arguments.index("--")] if "--" in arguments else arguments
        debug, as_json = "--debug" in options, "--json" in options
        kwargs.update(standalone_mode=False, prog_name="perceiver")
        quiet_imports(debug)
        if args is None and arguments[:1] and arguments[0] in PREDICT_ONLY:  # the process is for it
            stack.only_predicts()
        with output.answers_only(as_json) as answer:
            code = self._run(arguments, kwargs, answer, debug)
        sys.exit(code)

    def _run(self, args: list[str], kwargs: dict[str, Any], answer: Any, debug: bool) -> int:
        from perceiver_keras.commands.shared import explain

        try:
            result = super().main(args=args, **kwargs)
            return result if isinstance(result, int) else 0
        except BaseException as error:
            if isinstance(error, SystemExit):
                return error.code if isinstance(error.code, int) else 1
            message, code = explain.explain(error, dashes(args[0]) if args else None)
            if debug:
                traceback.print_exception(error)
            with contextlib.suppress(PerceiverError):  # of stdout; it may be what is told here
                answer({"error": message, "exit_code": code})
            print(f"Error: {message}", file=sys.stderr)
            return code


def quiet_imports(debug: bool) -> None:
    """Hides what the libraries log. Must be called before TensorFlow is imported.

    Beam's workers and the fresh process of the serving check inherit the environment. TensorFlow and
    absl add no handler of their own to a root logger that has one; `run` replaces this one with the
    run folder's log file.
    """
    if debug:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("GLOG_minloglevel", "3")  # of ML Metadata's client
    categories = (FutureWarning, DeprecationWarning, UserWarning)
    filters = [rule for rule in os.environ.get("PYTHONWARNINGS", "").split(",") if rule]
    rules = [f"ignore::{category.__name__}" for category in categories]
    os.environ["PYTHONWARNINGS"] = ",".join(filters + [r for r in rules if r not in filters])
    if not sys.warnoptions:
        for category in categories:
            warnings.simplefilter("ignore", category)
    if not logging.getLogger().handlers:
        logging.getLogger().addHandler(logging.NullHandler())
    for name in ("data.store.left_out", "tasks.contract.requests"):
        told = logging.getLogger(f"perceiver_keras.{name}")
        if not told.handlers:
            told.addHandler(_Say())
            told.setLevel(logging.INFO)


class _Say(logging.Handler):
    """What people must know about their files goes to stderr, whatever becomes of the other logs."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"  {record.getMessage()}", err=True)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"token_normalize_func": dashes, "help_option_names": ["-h", "--help"]},
    epilog=EXAMPLES,
)
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Perceiver IO in TensorFlow and Keras: train, gate, export and serve any of its tasks."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


if __name__ == "__main__":
    main()
