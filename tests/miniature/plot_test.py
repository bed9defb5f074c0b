"""The picture shows each arm and its curves."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.miniature import plot
from perceiver_keras.progress import Progress
from perceiver_keras.show import style
from tests.miniature import formula


def records(arms=("good", "bad"), seeds=(0, 1), curves=True):
    found = {}
    for name in arms:
        arm = formula.claim().arm(name)
        for seed in seeds:
            measured = formula.measure(
                arm, seed, records.folder, lambda total, label: Progress(total, quiet=True)
            )
            one = {"numbers": measured.numbers, "curves": measured.curves if curves else {}}
            found.setdefault(name, {})[seed] = one
    return found


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), int)


def has(picture, colour):
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels(picture) - wanted).sum(-1) < 30).sum())


def test_every_arm_has_its_colour(tmp_path):
    records.folder = tmp_path
    both = plot.picture(formula.claim(), records())
    one = plot.picture(formula.claim(), records(arms=("good",)))
    first, second = plot.COLOURS[:2]
    assert has(both, first) > 20 and has(both, second) > 20
    assert has(one, first) > 20 and has(one, second) == 0


def test_without_curves_there_is_one_panel(tmp_path):
    records.folder = tmp_path
    wide = pixels(plot.picture(formula.claim(), records()))
    narrow = pixels(plot.picture(formula.claim(), records(curves=False)))
    assert narrow.shape[1] < 0.7 * wide.shape[1]


def test_a_claim_draws_its_own_panel(tmp_path):
    records.folder = tmp_path
    drawn = []
    given = formula.claim(draw=lambda axes, found: drawn.append(sorted(found)))
    plot.picture(given, records(curves=False))
    assert drawn == [["bad", "good"]]


def test_shares_are_shown_in_percent(tmp_path):
    records.folder = tmp_path
    axes = style.new_figure(4, 3).add_subplot(1, 1, 1)
    claim = formula.claim(percent=True, unit="%")
    plot._arms(claim)(axes, records())
    value = records()["good"][0]["numbers"][claim.metric]
    assert float(axes.yaxis.get_major_formatter()(value)) == pytest.approx(100 * value, abs=1)
