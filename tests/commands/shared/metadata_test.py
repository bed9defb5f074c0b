"""The options of a metadata store: every command takes them, and says who else can read the password."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from perceiver_keras.cli import COMMANDS, main
from perceiver_keras.commands.shared import metadata
from perceiver_keras.errors import PerceiverError, UsageError
from tests.mariadb import free_port


@click.command()
@metadata.metadata_options
def command(metadata: str | None) -> None:
    print(metadata)


def said(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    return done.stdout, done.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret file"
    path.write_text("hush\n")
    path.chmod(0o600)
    return path


def test_nothing_is_said_of_an_address_without_a_password(monkeypatch) -> None:
    monkeypatch.setenv("PERCEIVER_METADATA_PASSWORD", "hush")
    assert said("--metadata", "mysql://me@host/runs") == ("mysql://me@host/runs\n", "")
    assert said() == ("None\n", "")


@pytest.mark.parametrize("turned", [1, -1])
def test_the_file_goes_along_by_its_name(file: Path, turned: int) -> None:
    options = [("--metadata", "mysql://me@host/runs"), ("--metadata-password-file", str(file))]
    out, err = said(*(text for option in options[::turned] for text in option))
    assert out.startswith("mysql://me@host/runs?password_file=/") and "hush" not in out + err
    assert err == ""
    file.chmod(0o644)
    out, err = said(*(text for option in options[::turned] for text in option))
    assert f"{file} can be read by every user of this machine (mode 0644); chmod 600" in err


def test_a_password_on_the_command_line_is_told_and_not_repeated() -> None:
    _, err = said("--metadata", "mysql://me:hush@host/runs")
    assert "with `ps`; put it into PERCEIVER_METADATA_PASSWORD" in err and "hush" not in err


def test_what_does_not_fit_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="without --metadata"):
        said("--metadata-password-file", str(file))
    with pytest.raises(UsageError, match="omit one of them"):
        said("--metadata", "mysql://me:x@host/runs", "--metadata-password-file", str(file))
    with pytest.raises(UsageError, match="No such file"):
        said("--metadata", "mysql://me@host/runs", "--metadata-password-file", f"{file}2")


def test_a_run_asks_for_the_server_first(tmp_path: Path, capsys) -> None:
    metadata.check_server(None)
    uri = f"mysql://me:hush@127.0.0.1:{free_port()}/runs"
    with pytest.raises(PerceiverError, match="connection refused"):
        metadata.check_server(uri)
    with pytest.raises(SystemExit) as ended:
        main(["run", "image_classification", "--run-dir", str(tmp_path / "r"), "--metadata", uri])
    printed = capsys.readouterr()
    assert ended.value.code == 1 and "hush" not in printed.out + printed.err
    assert printed.err.splitlines()[-1].startswith("Error: The metadata store at 127.0.0.1:")
    assert not (tmp_path / "r").exists()


def test_every_command_that_reads_a_store_takes_both() -> None:
    taking = set()
    for row in COMMANDS:
        found = main.get_command(None, row.name)
        below = getattr(found, "commands", {"": found}).values()
        for one in below:
            names = {option for parameter in one.params for option in parameter.opts}
            if "--metadata" in names:
                taking.add(row.name)
                assert "--metadata-password-file" in names
    assert taking == {"run", "schema", "lineage", "compare", "rollback"}
