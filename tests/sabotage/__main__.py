"""Does to a good run what goes wrong in real life, and says where each is stopped: about an hour on two cores.

    python -m tests.sabotage FOLDER [--clean N] [--only WORDS]

One good run of each product is made in FOLDER. Each sabotage then runs, with data or a model of its own, in the same
run folder of its own copy of the metadata. `--clean N` adds N runs with clean new data and other seeds, none of which
may be refused. Lines of JSON say what was wanted and what came. `sabotage_test.py` does the same on a smaller scale.
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import shutil
import sys
import time
from pathlib import Path

from tests.sabotage import runs
from tests.sabotage.cases import CLEAN, DATA, MODELS, WEAKER, Case, clean


class Good:
    """The clean data of a product and the run on it, which are made when they are first needed."""

    def __init__(self, product: runs.Product, folder: Path):
        self.run_dir = folder / "good"
        self.data = product.make(folder / "clean", 0)
        self.found = runs.run_on(product, self.data, self.run_dir)
        assert self.found.stopped_at is None, self.found.why


def judge(case: Case, good: Good, folder: Path, number: int) -> dict:
    """Runs one case in a copy of the good run's folder."""
    run_dir = folder / "run"
    if case.weaker_first:
        runs.run_on(case.product, good.data, run_dir, WEAKER)
    else:
        shutil.copytree(good.run_dir, run_dir)
    data = good.data
    if case.data:
        data = case.product.make(folder / "data", number if case.new_data else 0)
        case.data(data)
    start = time.monotonic()
    if case.model:
        source = runs.good_model(good.found.record)
        with runs.trained_by(lambda place: case.model(source, place)):
            found = runs.run_on(case.product, data, run_dir, case.overrides, seed=100 + number)
    else:
        found = runs.run_on(case.product, data, run_dir, case.overrides, seed=case.seed)
    return {
        "what": case.what,
        "wanted": case.stopped_at,
        "stopped_at": found.stopped_at,
        "why": found.why,
        "right": found.stopped_at == case.stopped_at
        and (not case.words or any(word in found.why for word in case.words)),
        "seconds": round(time.monotonic() - start),
        **found.figures(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clean", type=int, default=0, metavar="N")
    parser.add_argument("--only", default="", help="a regular expression: the cases to run")
    options = parser.parse_args()
    folder = options.folder.absolute()

    @functools.cache
    def good(product: runs.Product) -> Good:
        return Good(product, folder / product.task)

    other = map(clean, range(1, options.clean + 1))
    rows = []
    for number, case in enumerate((*DATA, *MODELS, *CLEAN, *other), 1):
        if not re.search(options.only, case.what):
            continue
        place = folder / str(number)
        rows.append(judge(case, good(case.product), place, number))
        print(json.dumps(rows[-1]), flush=True)
        shutil.rmtree(place)
    wrong = [row["what"] for row in rows if not row["right"]]
    print(f"{len(rows) - len(wrong)} of {len(rows)} as they must be.", *wrong, sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
