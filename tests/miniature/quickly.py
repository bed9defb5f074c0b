"""Every claim at a size that takes seconds, through the real path: tuning, training, test, record, outcome, plot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perceiver_keras.miniature import records, run
from perceiver_keras.miniature.claim import Claim
from perceiver_keras.progress import Progress


def measured_quickly(claim: Claim, folder: Path, *arms: str) -> dict:
    """The records of one seed of each arm, or of some, measured at the claim's tiny size.

    One is enough where the others are the same way with another setting of the model.
    """
    quick = claim.made_quick()
    quick = replace(quick, arms=tuple(arm for arm in quick.arms if not arms or arm.name in arms))
    said: list[str] = []
    outcomes = run.measure(
        [quick],
        folder,
        seeds=1,
        say=said.append,
        shows=lambda total, label: Progress(total, label, quiet=True),
    )
    found = records.read_all(folder, quick)
    assert not any("measured before" in line for line in said)
    assert outcomes[claim.name].statements
    assert (folder / claim.name / run.PICTURE).read_bytes().startswith(b"\x89PNG")
    run.measure([quick], folder, seeds=1, say=said.append)
    assert sum("measured before" in line for line in said) == len(quick.arms)
    return found
