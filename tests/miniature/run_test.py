"""Each arm and seed is measured once, whatever was stopped before."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.miniature import run
from perceiver_keras.miniature.outcome import FAILS, HOLDS, UNKNOWN
from perceiver_keras.progress import Progress
from tests.miniature import formula


def quiet(total, label):
    return Progress(total, label, quiet=True)


def measure(claim, folder, **options):
    said = []
    outcomes = run.measure([claim], folder, say=said.append, shows=quiet, **options)
    return outcomes["made_up"].verdict, said


def test_all_arms_and_seeds_are_measured_once(tmp_path):
    verdict, said = measure(formula.claim(bad=0.5), tmp_path)
    assert verdict == HOLDS and len(said) == 6
    assert said[0].startswith("made_up, good, seed 0: accuracy 0.8, ")
    verdict, said = measure(formula.claim(bad=0.5), tmp_path)
    assert verdict == HOLDS and all(line.endswith("measured before.") for line in said)
    folder = tmp_path / "made_up"
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder / "work").exists()
    assert len(list(folder.glob("*.json"))) == 6


def test_processes_measure_the_same(tmp_path, capfd):
    alone, _ = measure(formula.claim(), tmp_path / "alone")
    claims = [
        formula.claim(),
        formula.claim(name="timed", alone=True),
        formula.claim(name="shared", together=True),
    ]
    found = run.measure(claims, tmp_path / "at_once", jobs=2, say=print, shows=quiet)
    assert {name: outcome.verdict for name, outcome in found.items()} == dict.fromkeys(
        ("made_up", "timed", "shared"), alone
    )
    told = capfd.readouterr().out.splitlines()
    assert len(told) == 18 and all("timed" in line for line in told[:6])
    for path in (tmp_path / "alone" / "made_up").glob("*.json"):
        numbers = json.loads(path.read_text())["numbers"]
        same = tmp_path / "at_once" / "made_up" / path.name
        assert json.loads(same.read_text())["numbers"] == numbers


def test_other_settings_are_measured_again_and_it_is_said(tmp_path):
    measure(formula.claim(bad=0.5), tmp_path)
    verdict, said = measure(formula.claim(bad=0.9), tmp_path)
    assert verdict == FAILS
    assert said[1] == (
        "made_up, bad, seed 0: the record is of other settings (base), so it is measured again."
    )


def test_one_arm_and_seed_alone(tmp_path):
    verdict, said = measure(formula.claim(), tmp_path, arm="bad", seed=9)
    assert verdict == UNKNOWN and len(said) == 1
    assert [path.name for path in (tmp_path / "made_up").glob("*.json")] == ["bad-9.json"]
    assert (tmp_path / "made_up" / "work").exists()  # the others may need what is in it
    with pytest.raises(UsageError, match="no arm 'best'"):
        measure(formula.claim(), tmp_path, arm="best")


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    def stops(arm, seed, folder, progress):
        if (arm.name, seed) == ("good", 1):
            raise KeyboardInterrupt
        return formula.measure(arm, seed, folder, progress)

    with pytest.raises(KeyboardInterrupt):
        measure(replace(formula.claim(), measure=stops), tmp_path)
    first = json.loads((tmp_path / "made_up" / "good-0.json").read_text())
    verdict, said = measure(formula.claim(), tmp_path)
    assert verdict == HOLDS
    assert [line.endswith("measured before.") for line in said] == [True, True, *[False] * 4]
    assert json.loads((tmp_path / "made_up" / "good-0.json").read_text()) == first


def test_more_seeds_are_added(tmp_path):
    measure(formula.claim(), tmp_path, seeds=2)
    _, said = measure(formula.claim(), tmp_path, seeds=4)
    assert sum("measured before" in line for line in said) == 4 and len(said) == 8
