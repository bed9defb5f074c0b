"""`perceiver serve PATH…`: models that answer over gRPC and REST, on this machine."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import click

from perceiver_keras.commands.shared import options, servers, to_serve
from perceiver_keras.commands.shared.output import answer, say
from perceiver_keras.errors import UsageError
from perceiver_keras.server.settings import LOOPBACK, Batching

EXAMPLES = """\b
Examples:
  perceiver serve runs/digits
  perceiver serve runs/digits/pushed flow=served/flow --port 9000 --rest-port 9001
  perceiver serve runs/train_image_classification/preset
  perceiver serve language_mlm_bytes --weights deepmind
  perceiver serve runs/digits --with embedded --max-batch-size 128 --batch-timeout-micros 2000
  curl http://localhost:8501/v1/models/digits

\b
Runs tensorflow_model_server where it is installed, else its Docker image where a
Docker daemon answers, else a server of our own with the same protocols, which
listens on this machine only. New versions in the folders are taken while it
runs. SIGTERM and Ctrl-C answer what was accepted, then stop.
"""


def _sizes(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, ...]:
    if not value:
        return ()
    try:
        return tuple(int(size) for size in value.split(","))
    except ValueError:
        raise click.BadParameter(f"expected sizes such as 1,8,64, got {value!r}") from None


@click.command("serve", epilog=EXAMPLES)
@click.argument("paths", nargs=-1, required=True, type=options.LocalName(), metavar="[NAME=]PATH…")
@click.option(
    "--weights", type=options.AnyName(), metavar="FILE|FOLDER",
    help="For a preset's name: official weights, or deepmind or huggingface, which are downloaded once.",
)  # fmt: skip
@click.option(
    "--with", "kind", type=click.Choice(("auto", *servers.KINDS)), default="auto",
    show_default=True, help="Which server.",
)  # fmt: skip
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="The address to listen on; another one lets other machines ask, without a password.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="gRPC."
)
@click.option(
    "--rest-port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="REST."
)
@click.option("--no-batching", is_flag=True, help="Compute every request alone.")
@click.option("--max-batch-size", type=int, help="Examples per batch.  [default: 64]")
@click.option(
    "--batch-timeout-micros", type=int, help="How long a batch waits to be filled.  [default: 5000]"
)
@click.option(
    "--max-enqueued-batches", type=int,
    help="Batches that may wait; what comes then is refused.  [default: 64]",
)  # fmt: skip
@click.option("--num-batch-threads", type=int, help="Batches computed at a time.  [default: 1]")
@click.option(
    "--allowed-batch-sizes", callback=_sizes, metavar="N,N,…",
    help="Batches are filled up to the next of these; the last is --max-batch-size.",
)  # fmt: skip
@click.option(
    "--pad-variable-length-inputs", is_flag=True,
    help="Let inputs of different sizes share a batch, filled with their first value.",
)  # fmt: skip
@click.option(
    "--timeout", type=float, default=30.0, show_default=True, metavar="SECONDS",
    help="How long a request may take.",
)  # fmt: skip
@click.option(
    "--grace", type=float, default=30.0, show_default=True, metavar="SECONDS",
    help="Time for accepted requests after SIGTERM.",
)  # fmt: skip
@click.option(
    "--max-request-mb", type=click.IntRange(min=1), default=64, show_default=True,
    help="The largest request, of the embedded server.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the command line, and start nothing.")
@options.common_options
def command(
    paths: tuple[str, ...],
    weights: str | None,
    kind: str,
    host: str,
    port: int,
    rest_port: int,
    no_batching: bool,
    timeout: float,
    grace: float,
    max_request_mb: int,
    dry_run: bool,
    **batching: object,
) -> None:
    """Serve models over gRPC and REST: run folders, exports, preset folders, or a preset's name with --weights."""
    for name, value in (("--timeout", timeout), ("--grace", grace)):
        if not value > 0:
            raise UsageError(f"{name}: expected more than 0 seconds, got {value:g}.")
    plan = servers.Plan(
        models=(),
        host=host,
        port=port,
        rest_port=rest_port,
        batching=None if no_batching else _batching(batching),
        timeout_seconds=timeout,
        grace_seconds=grace,
        max_request_bytes=max_request_mb << 20,
    )
    kind = servers.choose(kind)
    plan = replace(plan, models=to_serve.sources(paths, weights))
    folder = to_serve.cache() / "config" / f"{port}-{rest_port}"
    words = servers.command(kind, plan, folder)
    for model in plan.models:
        say(f"{model.name:<24} {model.base_path}")
    if kind == servers.BINARY:
        say(
            "Note: tensorflow_model_server has no flag for the address and listens on every interface; "
            "--with embedded listens on this machine only."
        )
    elif kind == servers.DOCKER and host not in LOOPBACK:
        say(
            f"Note: {host} can be reached from other machines; there is no password and no encryption."
        )
    say(f"Starting: {shlex.join(words)}")
    if dry_run:
        answer(
            {"server": kind, "command": words, "models": {m.name: m.base_path for m in plan.models}}
        )
        return
    answer(
        {"server": kind, "models": [m.name for m in plan.models], "grpc": port, "rest": rest_port}
    )
    _become(words)


def _batching(given: dict[str, object]) -> Batching:
    """The options that were given; the others keep their defaults."""
    values = {name: value for name, value in given.items() if value not in (None, ())}
    sizes = values.get("allowed_batch_sizes")
    if sizes and "max_batch_size" not in values:
        values["max_batch_size"] = sizes[-1]
    try:
        return Batching(**values)
    except ValueError as error:
        raise UsageError(f"Batching: {error}.") from None


def _become(words: list[str]) -> None:
    """The server takes this process's place: signals reach it, and none of our code stays in memory."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        p for p in (_root(), os.environ.get("PYTHONPATH")) if p
    )
    os.execvp(words[0], words)


def _root() -> str:
    """Where `perceiver_keras` is imported from; the server must find it from any folder."""
    return str(Path(__file__).absolute().parents[2])
