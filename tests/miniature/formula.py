"""A claim whose measurements are a formula, to test what is around them."""

from __future__ import annotations

from perceiver_keras.miniature.claim import Arm, Claim, Measured, by_seed
from perceiver_keras.miniature.outcome import Outcome, at_least


def measure(arm, seed, folder, progress):
    (folder / "work").mkdir(parents=True, exist_ok=True)
    (folder / "work" / f"{arm.name}-{seed}").touch()
    with progress(3, "counting") as shown:
        shown.update(3)
    value = arm.settings["base"] + 0.01 * seed
    rows = [{"step": step, "loss": 1 / step, "val_loss": value} for step in (1, 2, 3)]
    return Measured(
        numbers={"accuracy": value},
        cost={"flops": 2_000_000, "parameters": 1234},
        curves={"final": rows, **{f"tuning: learning rate {r}": rows for r in (0.05, 0.1, 0.2)}},
        chosen={"train.learning_rate": 0.1},
    )


def judge(records):
    good, bad = (by_seed(records, arm, "accuracy") for arm in ("good", "bad"))
    return Outcome(statements=(at_least("good minus bad is above 0", good, bad, percent=True),))


def claim(good=0.8, bad=0.5, **changes):
    given = {
        "name": "made_up",
        "title": "Good is better",
        "paper": "Tab. 99",
        "statement": "good beats bad.",
        "miniature": "a formula.",
        "arms": (Arm("good", {"base": good}, "the good one"), Arm("bad", {"base": bad})),
        "measure": measure,
        "judge": judge,
        "metric": "accuracy",
        "unit": "%",
        "percent": True,
        "quick": {"base": 0.1},
    }
    return Claim(**{**given, **changes})
