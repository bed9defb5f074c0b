"""The options that name a metadata store on a server, and its password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared.options import LocalPath, together
from perceiver_keras.errors import UsageError

_FILE = "perceiver_keras.metadata_password_file"


def _keep_file(context: click.Context, _: Any, file: Path | None) -> None:
    context.meta[_FILE] = file


def _address(context: click.Context, _: Any, uri: str | None) -> str | None:
    """The address, which names the file of the password if there is one; said on stderr: who else can read it."""
    file = context.meta.get(_FILE)
    if uri is None:
        if file is not None:
            raise UsageError(
                "--metadata-password-file names a password without --metadata, which names the store."
            )
        return None
    from perceiver_keras.pipeline import address

    if file is not None:
        uri = address.with_password_file(uri, file)
        if mode := address.open_to_all(file):
            click.echo(
                f"  {file} can be read by every user of this machine (mode {mode}); chmod 600 {file}.",
                err=True,
            )
    elif address.has_password(uri):
        click.echo(
            "  Every user of this machine can see the password in --metadata with `ps`; put it into "
            f"{address.VARIABLE}, or into a file for --metadata-password-file.",
            err=True,
        )
    address.read(uri)  # what is wrong with it comes first
    return uri


metadata_options = together(
    click.option(
        "--metadata",
        metavar="URI",
        callback=_address,
        help="The metadata store, mysql://USER@HOST:PORT/DATABASE.  [default: SQLite in the run folder]",
    ),
    click.option(
        "--metadata-password-file",
        type=LocalPath(),
        is_eager=True,
        expose_value=False,
        callback=_keep_file,
        help="A file with the password for --metadata; it may also be in PERCEIVER_METADATA_PASSWORD.",
    ),
)


def check_server(uri: str | None) -> None:
    """Raises PerceiverError within seconds if the store of a run that is about to begin can't be used."""
    if uri is not None:
        from perceiver_keras.pipeline import store

        store.check_server(uri)
