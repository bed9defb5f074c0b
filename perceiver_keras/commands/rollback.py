"""`perceiver rollback RUN_DIR`: the version before, published again."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared.metadata import metadata_options
from perceiver_keras.commands.shared.options import LocalPath, common_options
from perceiver_keras.commands.shared.output import answer, say, typed

EXAMPLES = """\b
Examples:
  perceiver rollback runs/digits --because "wrong answers for sevens"
  perceiver rollback runs/digits --to 1795640090
  perceiver rollback runs/digits --dry-run
"""


@click.command("rollback", epilog=EXAMPLES)
@click.argument("run_dir", type=LocalPath(), metavar="RUN_DIR")
@click.option(
    "--to", type=click.IntRange(min=1), metavar="VERSION",
    help="Which version.  [default: the newest before the present one that was not taken back]",
)  # fmt: skip
@click.option("--because", metavar="TEXT", help="The reason, which the store and the version keep.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@metadata_options
@common_options
def command(
    run_dir: Path, to: int | None, because: str | None, dry_run: bool, metadata: str | None
) -> None:
    """Publish an older blessed version again, as a new version that servers take.

    The models after it are marked as taken back: no later run pushes them from the cache, or
    compares with them. Running it again goes one version further back; --to can also go forward
    to a version that was taken back.
    """
    from perceiver_keras.errors import UsageError
    from perceiver_keras.pipeline import versions
    from perceiver_keras.pipeline.rollback import rollback

    folder, version = versions.locate(run_dir)
    if version is not None:
        raise UsageError(
            f"{run_dir} is a version; name the run folder, {folder}, and --to VERSION."
        )
    told = rollback(folder, to=to, because=because, metadata=metadata, dry_run=dry_run)
    will = "would be published" if dry_run else f"is published as version {told['version']}"
    say(f"Version {told['of']} {will}, in place of {told['from']}.")
    say(f"  because     {told['because']}")
    say(f"  taken back  {', '.join(told['taken_back']) or 'nothing'}")
    if not dry_run:
        say(f"  model       {told['folder']}")
        say(f"\nNext:\n  {typed('perceiver', 'lineage', folder)}")
    answer({**told, "run_dir": folder, "dry_run": dry_run})
