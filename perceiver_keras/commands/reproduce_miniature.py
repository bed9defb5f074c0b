"""`perceiver reproduce miniature [CLAIM…]`: the paper's claims as small experiments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perceiver_keras.commands.shared import options
from perceiver_keras.commands.shared.output import answer, say, table
from perceiver_keras.errors import UsageError

if TYPE_CHECKING:
    from perceiver_keras.miniature.claim import Claim

RUN_DIR = Path("runs") / "miniature"
EXAMPLES = """\b
Examples:
  perceiver reproduce miniature --list
  perceiver reproduce miniature
  perceiver reproduce miniature latents bytes --seeds 5
  perceiver reproduce miniature latents --arm 32x128 --seed 1
  perceiver reproduce miniature --jobs 1
  perceiver reproduce miniature --markdown > miniature.md

\b
The whole of it takes hours: each claim is a set of trainings. Each finished one
leaves a record in RUN_DIR, so the same command goes on after a stop.
"""


@click.command("miniature", epilog=EXAMPLES)
@click.argument("claims", nargs=-1, metavar="[CLAIM]...")
@click.option("--arm", metavar="ARM", help="Only this side of the comparison.")
@click.option("--seed", type=click.IntRange(min=0), help="Only this seed.")
@click.option("--seeds", type=click.IntRange(min=1), help="How many seeds.  [default: the claim's]")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Arms measured at once, in processes that share the cores.  [default: one per core; 1 with a GPU]",
)
@click.option(
    "--run-dir",
    type=options.LocalPath(),
    metavar="DIR",
    help=f"Folder of the records.  [default: {RUN_DIR}]",
)
@click.option("--list", "only_list", is_flag=True, help="List claims and arms; measure nothing.")
@click.option("--markdown", is_flag=True, help="Print the page of the records; measure nothing.")
@click.option(
    "--pictures",
    type=options.LocalPath(),
    metavar="DIR",
    help="With --markdown: write the plots here, as CLAIM.png.",
)
@options.common_options
def command(
    claims: tuple[str, ...],
    arm: str | None,
    seed: int | None,
    seeds: int | None,
    jobs: int | None,
    run_dir: Path | None,
    only_list: bool,
    markdown: bool,
    pictures: Path | None,
) -> None:
    """Test the paper's claims in miniature: all of them, or those that are named."""
    from perceiver_keras.miniature import catalogue

    chosen = catalogue.claims(claims)
    run_dir = run_dir or RUN_DIR
    if arm is not None and len(claims) != 1:
        raise UsageError("--arm is an arm of one claim: name the claim, and only that.")
    if seed is not None and seeds is not None:
        raise UsageError("--seed is one seed and --seeds how many: name one of them.")
    if pictures is not None and not markdown:
        raise UsageError("--pictures belongs to --markdown.")
    if markdown and (claims or any(x is not None for x in (arm, seed, seeds, jobs))):
        raise UsageError(
            "--markdown prints the page of all claims; it takes only --run-dir and --pictures."
        )
    if only_list:
        rows = [
            (c.name, c.title, ", ".join(a.name for a in c.arms), f"{c.minutes} min") for c in chosen
        ]
        say(table(("CLAIM", "WHAT", "ARMS", "ABOUT"), rows))
        answer({"claims": {c.name: {"arms": [a.name for a in c.arms], "paper": c.paper,
                                    "statement": c.statement} for c in chosen}})  # fmt: skip
    elif markdown:
        from perceiver_keras.miniature import page

        if pictures is not None:
            page.write_pictures(run_dir, pictures)
        click.echo(page.document(run_dir), nl=False)
    else:
        _measure(chosen, run_dir, jobs or _jobs(), arm=arm, seed=seed, seeds=seeds)


def _jobs() -> int:
    from perceiver_keras.child_processes import cores
    from perceiver_keras.training.supervisor import count_gpus

    return 1 if count_gpus() else len(cores())


def _measure(chosen: Sequence[Claim], run_dir: Path, jobs: int, **which: Any) -> None:
    from perceiver_keras.miniature import page, records
    from perceiver_keras.miniature.parallel import Lines
    from perceiver_keras.miniature.run import measure
    from perceiver_keras.progress import Progress

    shows = Progress if jobs == 1 else Lines
    outcomes = measure(chosen, run_dir, jobs=jobs, say=say, shows=shows, **which)
    rows = [
        (name, one.text, "" if one.interval is None else page.number(one.interval.mean, one.percent),
         "" if one.interval is None else page.span(one.interval, one.percent), one.verdict)
        for name, outcome in outcomes.items()
        for one in outcome.statements
    ]  # fmt: skip
    say()
    say(table(("CLAIM", "STATEMENT", "MEAN", "95 %", "OUTCOME"), rows))
    say(f"Records and plots: {run_dir}")
    answer(
        {
            "run_dir": run_dir,
            "outcomes": {name: outcome.verdict for name, outcome in outcomes.items()},
            "records": {
                claim.name: {a: sorted(r) for a, r in records.read_all(run_dir, claim).items()}
                for claim in chosen
            },
        }
    )
