"""The command as a whole: its imports, exit codes, one-line errors, and JSON on stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from perceiver_keras import cli
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import registry

HEAVY = {"tensorflow", "keras", "tfx", "apache_beam", "tensorflow_datasets", "matplotlib", "numpy"}
NAMES = [row.name for row in cli.COMMANDS]


def invoke(*arguments: str):
    return CliRunner().invoke(cli.main, list(arguments))


@pytest.fixture
def failing(monkeypatch):
    """Replaces a command of the table with one that raises the given error."""

    def make(error: BaseException):
        @click.command("tasks")
        @click.option("--json", "as_json", is_flag=True)
        @click.option("--debug", is_flag=True)
        def command(as_json: bool, debug: bool) -> None:
            print("chatter of a library")
            raise error

        monkeypatch.setattr("perceiver_keras.commands.tasks.command", command)

    return make


# === Light ===


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["run", "--help"],
        ["train", "--help"],
        ["config", "-h"],
        ["predict", "-h"],
        ["tasks"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str], repository: Path) -> None:
    program = (
        "import sys, json\nfrom perceiver_keras.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: code = end.code\n"
        "print('\\n' + json.dumps([code, sorted({m.split('.')[0] for m in sys.modules})]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert HEAVY & set(modules) == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_an_example(name: str) -> None:
    shown = invoke(name, "--help")
    assert shown.exit_code == 0, shown.output
    assert f"perceiver {name}" in shown.output.rpartition("Example")[2]
    assert "--json" in shown.output and "--debug" in shown.output


def test_the_table_and_the_commands_agree() -> None:
    for name in NAMES:
        command = cli.main.get_command(click.Context(cli.main), name)
        assert command is not None and command.name == name


def test_without_a_command_there_is_help_and_0() -> None:
    bare, asked = invoke(), invoke("--help")
    assert (bare.exit_code, bare.stdout) == (0, asked.stdout)
    assert "Commands:" in bare.stdout and bare.stderr == ""


# === Spellings ===


def test_names_and_options_take_both_spellings() -> None:
    wrong = invoke("run", "image-classification", "--run_dir", "x", "--beam_arg", "a b")
    assert "--beam-arg 'a b'" in wrong.output  # so the options before it were understood
    assert wrong.exit_code == 2


# === Exit codes and messages ===


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["taks"], "Did you mean 'tasks'?"),
        (["run"], "Missing argument 'TASK'"),
        (["run", "image_clasification"], "Did you mean 'image_classification'?"),
        (["run", "image_classification", "--sed", "3"], "Did you mean"),
        (["run", "image_classification", "--seed", "three"], "'three' is not a valid integer"),
        (["tasks", "surplus"], "surplus"),
        (["predict", "image_classification"], "Name at least one file"),
        (["predict", "image_classification", "http://x.y/a.png"], "curl -O http://x.y/a.png"),
        (["predict", "image_classification", "a.png", "-o", "a.gif"], "a.gif: write it as .png"),
        (["predict", "image_classification", "a.png", "--model", "a", "--weights", "b"], "one of"),
    ],
)
def test_wrong_usage_is_one_line_and_2(arguments: list[str], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PerceiverError("No weights at x; name a folder."), 1, "No weights at x; name a folder."),
        (UsageError("Unknown key."), 2, "Unknown key."),
        (KeyboardInterrupt(), 130, "Interrupted; run the same command again.\n"),
        (
            OSError(28, "No space left on device", "runs/a"),
            1,
            "No space left on the disk for runs/a",
        ),
        (OSError(30, "Read-only file system", "runs/a"), 1, "runs/a can't be read or written"),
        (FileNotFoundError(2, "No such file", "data"), 1, "data does not exist"),
        (ModuleNotFoundError("No module named 'tfx'", name="tfx"), 1, "perceiver-keras[pipeline]"),
        (MemoryError(), 1, "lower data.batch_size"),
        (RuntimeError("two\nlines"), 1, "RuntimeError: two lines (unexpected; --debug"),
        (SystemExit(143), 143, ""),
    ],
)
def test_what_a_command_raises_becomes_a_line_and_a_code(failing, error, code, words) -> None:
    failing(error)
    result = invoke("tasks")
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    # After ^C click ends the terminal's line first.
    assert result.stderr.lstrip("\n").count("\n") == (1 if words else 0)


def test_debug_shows_the_trace(failing) -> None:
    failing(PerceiverError("It broke."))
    result = invoke("tasks", "--debug")
    assert "Traceback" in result.stderr and "Error: It broke." in result.stderr
    assert result.exit_code == 1


# === JSON ===


def test_with_json_stdout_is_one_object() -> None:
    result = invoke("tasks", "--json")
    assert [task["name"] for task in json.loads(result.stdout)["tasks"]] == registry.names()
    assert "IMAGE" in result.stderr.upper()


def test_with_json_an_error_is_an_object_and_chatter_goes_to_stderr(failing) -> None:
    failing(PerceiverError("It broke."))
    result = invoke("tasks", "--json")
    assert json.loads(result.stdout) == {"error": "It broke.", "exit_code": 1}
    assert "chatter of a library" in result.stderr


def test_with_json_what_a_child_or_c_code_prints_goes_to_stderr(repository: Path) -> None:
    program = (
        "import os, sys\nfrom perceiver_keras.commands.shared import output\n"
        "with output.answers_only(True) as answer:\n"
        "    os.system('echo from a child')\n"
        "    os.write(1, b'from C code\\n')\n"
        "    print('from python')\n"
        "    answer({'number': 1})\n"
        "print('afterwards')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repository,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == '{"number": 1}\nafterwards\n'
    assert {"from a child", "from C code", "from python"} <= set(done.stderr.splitlines())


def test_what_was_left_out_of_the_user_s_files_is_said_on_stderr(repository: Path) -> None:
    script = (
        "import logging; from perceiver_keras import cli; cli.quiet_imports(debug=False);"
        "log = logging.getLogger('perceiver_keras.data.store.left_out');"
        "log.info('passed over %d', 3); log.warning('left out'); logging.warning('other')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True
    )
    assert done.stderr == "  passed over 3\n  left out\n" and done.stdout == ""


SWITCH = "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS"


@pytest.mark.parametrize(
    ("words", "expected"), [(["predict", "--help"], "1"), (["train", "--help"], None)]
)
def test_the_commands_that_only_predict_say_so(words: list[str], expected: str | None) -> None:
    """Not where a program calls them, which may go on to train."""
    program = (
        "import os, sys\n"
        "from perceiver_keras.cli import main\n"
        "try:\n"
        "    main({})\n"
        "except SystemExit:\n"
        f"    print(os.environ.get('{SWITCH}'))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != SWITCH}

    def said(arguments: str, *own: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program.format(arguments), *own],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()[-1]

    assert said("", *words) == str(expected)
    assert said(repr(words)) == "None"


@pytest.mark.parametrize(
    ("place", "why"), [(">/dev/full", "No space left on device"), (">&-", "it is closed")]
)
def test_a_stdout_that_takes_nothing_is_one_line(place: str, why: str) -> None:
    program = f'exec "{sys.executable}" -m perceiver_keras.cli'

    def said(arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", f"{program} {arguments} --json {place}"], stderr=subprocess.PIPE, text=True
        )
        lines = done.stderr.splitlines()
        assert "Traceback" not in done.stderr
        return done.returncode, lines[-1]

    line = f"Error: The answer can't be written to stdout ({why}); send it elsewhere."
    assert said("tasks") == (1, line)
    assert said("tsks") == (2, "Error: There is no command 'tsks'. Did you mean 'tasks'?")
