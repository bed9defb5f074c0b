"""`perceiver lineage MODEL`: from a version back to its data, settings, code and judges."""

from __future__ import annotations

from pathlib import Path

import click

from perceiver_keras.commands.shared.metadata import metadata_options
from perceiver_keras.commands.shared.options import LocalPath, common_options
from perceiver_keras.commands.shared.output import answer, say

EXAMPLES = """\b
Examples:
  perceiver lineage runs/digits
  perceiver lineage runs/digits/pushed/1795640090 -o lineage.png
  perceiver lineage runs/digits/blessed/1795640090 --json
"""


@click.command("lineage", epilog=EXAMPLES)
@click.argument("model", type=LocalPath(), metavar="MODEL")
@click.option(
    "-o", "--out", type=LocalPath(), metavar="FILE",
    help="Draw it, too: a .png, .svg or .pdf file.",
)  # fmt: skip
@metadata_options
@common_options
def command(model: Path, out: Path | None, metadata: str | None) -> None:
    """Follow a model back through the metadata store of its run.

    MODEL is a run folder (its newest version is taken), RUN_DIR/pushed/VERSION or
    RUN_DIR/blessed/VERSION.
    """
    from perceiver_keras.errors import UsageError
    from perceiver_keras.pipeline import lineage, versions
    from perceiver_keras.show import lineage as shown

    if out is not None and out.suffix not in (".png", ".svg", ".pdf"):
        raise UsageError(f"-o {out}: name a .png, .svg or .pdf file.")
    found = lineage.lineage(*versions.locate(model), metadata)
    say(shown.tree(found))
    if out is not None:
        from perceiver_keras.show import lineage_picture

        lineage_picture.save(lineage_picture.draw(found), out)
        say(f"\n  picture   {out}")
    answer({**found, "picture": out})
