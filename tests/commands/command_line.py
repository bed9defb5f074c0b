"""The command line in this process: what a command prints, and what it answers with `--json`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner, Result

from perceiver_keras import cli

TASK = "image_classification"
# A classifier of digits that trains in a second or two, and has checkpoints to go on from.
SMALL = (
    "model.encode.num_latents=3",
    "model.process.num_self_attention_layers=1",
    "data.max_examples=100",
    "train.steps=4",
    "train.log_every=2",
    "train.evaluate_every=4",
    "train.checkpoint_every=2",
)


def invoke(*arguments: str | Path, code: int = 0, **kwargs) -> Result:
    """Runs `perceiver ARGUMENTS`, which must end with that exit code."""
    result = CliRunner().invoke(cli.main, [str(a) for a in arguments], **kwargs)
    assert result.exit_code == code, result.stderr
    return result


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """Trains without graphs: tracing one takes longer than the two steps for which it is made."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def told(*arguments: str | Path, **kwargs) -> dict:
    """The JSON object of `perceiver ARGUMENTS --json`."""
    return json.loads(invoke(*arguments, "--json", **kwargs).stdout)


def settings(*assignments: str) -> list[str]:
    """`--set` for each assignment."""
    return [word for assignment in assignments for word in ("--set", assignment)]


def refused(*arguments: str | Path, code: int, words: str) -> None:
    """The command fails with that code and a readable message that has these words."""
    result = invoke(*arguments, code=code)
    assert words in result.stderr
    assert "Traceback" not in result.stderr
