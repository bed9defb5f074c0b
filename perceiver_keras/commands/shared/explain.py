"""Turns an exception into one line that says what went wrong and what to do, and an exit code."""

from __future__ import annotations

import errno
import re

import click

from perceiver_keras import stack
from perceiver_keras.errors import PerceiverError, UsageError, full_place, is_disk_full
from perceiver_keras.training.out_of_memory import advice, is_out_of_memory

AGAIN = "run the same command again"
RESUMES = (
    "run",
    "train",
    "reproduce",
)  # of commands that keep what is finished; the others begin anew


def explain(error: BaseException, command: str | None = None) -> tuple[str, int]:
    """Returns (message, exit code) of what `command` raised; the message has no traceback and no line break."""
    again = f"{AGAIN} to resume" if command in RESUMES else AGAIN
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return f"Interrupted; {again}.", 130
    if isinstance(error, click.UsageError):
        return _click_usage(error), 2
    if isinstance(error, click.ClickException):
        return _line(error.format_message()), 1
    for cause in _causes(error):
        if isinstance(cause, PerceiverError):
            return _line(str(cause)), 2 if isinstance(cause, UsageError) else 1
    for cause in _causes(error):
        if message := _system(cause, again) or _tensorflow(cause, again):
            return message, 1
    kind = type(error).__name__
    return f"{kind}: {_line(str(error))[:500]} (unexpected; --debug shows the traceback)", 1


def _causes(error: BaseException | None) -> list[BaseException]:
    """The error and its causes, outermost first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _click_usage(error: click.UsageError) -> str:
    where = error.ctx.command_path if error.ctx else "perceiver"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return f"No command is given. Name one; {where} --help lists them."
    message = _line(error.format_message())
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See {where} --help."


def _system(error: BaseException, again: str) -> str | None:
    if is_out_of_memory(error):
        return f"Out of memory. {advice('any')}"
    if isinstance(error, ModuleNotFoundError):
        needs_tfx = (error.name or "").split(".")[0] in ("tfx", "kfp", "ml_metadata")
        if needs_tfx and (why := stack.no_pipeline()):
            return f"The package {error.name} is not installed: {why}."
        extra = "[pipeline]" if needs_tfx else ""
        return (
            f"The package {error.name} is not installed; `pip install 'perceiver-keras{extra}'` "
            "installs it, `perceiver doctor` lists what is missing."
        )
    if is_disk_full(error):
        place = full_place(error) or "the output folder"
        free = f"free some (`perceiver doctor` shows how much) and {again}"
        return f"No space left on the disk for {place}; {free}."
    if not isinstance(error, OSError):
        return None
    place = error.filename or "the output folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{place} can't be read or written; fix its permissions or choose another folder."
    if error.errno == errno.ENOENT:
        return f"{place} does not exist; check the path."
    if error.errno in (errno.ENOTDIR, errno.EISDIR):
        return f"{place}: {_line(error.strerror or 'wrong kind of file')}; check the path."
    return None


TENSORFLOW = {
    "ResourceExhaustedError": "A resource is used up",
    "NotFoundError": "A file is missing",
    "PermissionDeniedError": "A file can't be read or written",
    "DataLossError": "A file is damaged; delete it, or restore it, and {again}",
    "InvalidArgumentError": "TensorFlow rejected a value",
}


def _tensorflow(error: BaseException, again: str) -> str | None:
    """TensorFlow's errors, recognized by name so that TensorFlow need not be imported."""
    if not type(error).__module__.startswith("tensorflow"):
        return None
    message = TENSORFLOW.get(type(error).__name__)
    if message is None or message.endswith("."):
        return message
    message = message.format(again=again)
    detail = _line(getattr(error, "message", None) or str(error))
    return f"{message}: {detail[:300]}"


def _line(text: str) -> str:
    """One line, without Beam's note of the running step and TensorFlow's list of graph nodes."""
    text = re.sub(r"\s*\[while running [^\]]*\]", "", text)
    text = re.sub(r"\s*\[\[\{\{.*", "", text, flags=re.DOTALL)
    return " ".join(text.split()) or "no message"
