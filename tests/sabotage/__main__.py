"""Does to a good run what goes wrong in real life, and says where each is stopped: about half an hour on two cores.

    python -m tests.sabotage FOLDER [--clean N] [--only WORDS]

One good run is made in FOLDER. Each sabotage then runs, with data or a model of its own, in the same run folder of
its own copy of the metadata. `--clean N` adds N runs with clean new data and other seeds, none of which may be refused.
Lines of JSON say what was wanted and what came. `sabotage_test.py` does the same on a smaller scale.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import time
from pathlib import Path

from tests.sabotage import products, runs
from tests.sabotage.cases import CLEAN, DATA, MODELS, Case

WEAKER = ("train.steps=130",)


def judge(case: Case, good: runs.Outcome, folder: Path, number: int) -> dict:
    """Runs one case in a copy of the good run's folder."""
    seed = number if case.new_pictures else 0
    clean = runs.new_data(folder / "data" / str(number), seed)
    run_dir = folder / "runs" / str(number)
    if case.weaker_first:
        runs.run_on(folder / "clean", run_dir, WEAKER)
    else:
        shutil.copytree(folder / "good", run_dir)
    data = clean if case.data else folder / "clean"
    if case.data:
        case.data(clean)
    start = time.monotonic()
    if case.model:
        source = runs.good_model(good.record)
        with runs.trained_by(lambda place: case.model(source, place)):
            found = runs.run_on(data, run_dir, case.overrides, seed=100 + number)
    else:
        found = runs.run_on(data, run_dir, case.overrides, seed=case.seed)
    return {
        "what": case.what,
        "wanted": case.stopped_at,
        "stopped_at": found.stopped_at,
        "why": found.why,
        "right": found.stopped_at == case.stopped_at
        and (not case.words or any(word in found.why for word in case.words)),
        "seconds": round(time.monotonic() - start),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clean", type=int, default=0, metavar="N")
    parser.add_argument("--only", default="", help="a regular expression: the cases to run")
    options = parser.parse_args()
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    products.make(folder / "clean")
    good = runs.run_on(folder / "clean", folder / "good")
    assert good.stopped_at is None, good
    other = [
        Case(what=f"clean data {n}", data=lambda _: None, seed=n, stopped_at=None)
        for n in range(options.clean)
    ]
    cases = [
        case for case in (*DATA, *MODELS, *CLEAN, *other) if re.search(options.only, case.what)
    ]
    rows = []
    for number, case in enumerate(cases, 1):
        rows.append(judge(case, good, folder, number))
        print(json.dumps(rows[-1]), flush=True)
        shutil.rmtree(folder / "runs" / str(number))
    wrong = [row["what"] for row in rows if not row["right"]]
    print(f"{len(rows) - len(wrong)} of {len(rows)} as they must be.", *wrong, sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
