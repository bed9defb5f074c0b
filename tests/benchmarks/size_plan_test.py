"""The size plan's arithmetic, against closed forms and a simulation of steps and of the ring."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.benchmarks import size_plan
from perceiver_keras.benchmarks.size_plan import CHIPS, Chip, Run, days, fit, step, too_many
from perceiver_keras.tasks import registry

FACTS = json.loads(size_plan.FACTS.read_text())
RUN = Run(
    preset="a model",
    data="data",
    steps=1000,
    batch=1024,
    parameters=1_000_000,
    flops=10**9,
    training_flops=3 * 10**9,
    state=12_000_000,
    utilisation=0.25,
    measured=True,
    core_seconds=0.01,
)
CHIP = Chip("a chip", 1e12, 16e9, near=1e9, group=8, far=1e8)


def test_one_chip_computes_and_exchanges_nothing():
    made = step(RUN, CHIP, 1)
    assert made.compute == pytest.approx(1024 * 3e9 / 0.25e12) and made.exchange == 0
    assert days(RUN, CHIP, 1) * 86_400 == pytest.approx(1000 * made.compute + 0.012)


@given(st.integers(2, 12))
def test_the_ring_sends_what_a_simulated_one_sends(chips):
    """Reduce-scatter, then all-gather: chips - 1 rounds each, in which every chip sends one part."""
    parts = np.array_split(np.arange(RUN.parameters), chips)
    sums = np.random.default_rng(chips).integers(0, 9, [chips, chips])
    whole, sent = sums.sum(0), 0
    for gathering in (False, True):
        for turn in range(chips - 1):
            moved = [((c + gathering - turn) % chips, c) for c in range(chips)]
            values = [sums[c, part] for part, c in moved]
            for (part, c), value in zip(moved, values, strict=True):
                to = (c + 1) % chips
                sums[to, part] = value if gathering else sums[to, part] + value
            sent += len(parts[moved[0][0]]) * 4
    assert (sums == whole).all()
    bandwidth = CHIP.near if chips <= 8 else CHIP.far
    assert step(RUN, CHIP, chips).exchange == pytest.approx(sent / bandwidth, rel=1e-4)


@given(st.floats(1e-4, 0.1), st.integers(1, 64), st.integers(1, 32))
def test_a_step_waits_for_its_input_as_in_a_simulation(core_seconds, chips, cores):
    """Batches are made one after another, as long as fewer than four wait; a step takes one if there is one."""
    run = dataclasses.replace(RUN, core_seconds=core_seconds)
    made = step(run, CHIP, chips, cores)
    ready, begun, ends = [], 0.0, [0.0] * 4
    for number in range(200):
        begun = (
            max(begun, ends[number]) + made.input
        )  # the place of the batch before the last four is free
        ready.append(begun)
        ends.append(max(ends[-1], begun) + made.compute + made.exchange)
    per_step = (ends[-1] - ends[-101]) / 100
    assert per_step == pytest.approx(made.seconds, rel=1e-6)
    enough = size_plan.cores_needed(run, CHIP, chips)
    kept_up = dataclasses.replace(step(run, CHIP, chips, enough * 1.001))
    assert kept_up.seconds == kept_up.compute + kept_up.exchange


def test_more_chips_than_a_group_use_the_network_and_exchange_longer_than_they_compute():
    limit = too_many(RUN, CHIP)
    made = step(RUN, CHIP, limit)
    assert made.exchange >= made.compute
    before = step(RUN, CHIP, limit // 2)
    assert before.exchange < before.compute
    assert too_many(dataclasses.replace(RUN, parameters=1), CHIP) is None


def test_the_fit_finds_the_numbers_that_made_the_runs():
    truth = size_plan.Fit(fixed=0.01, example=0.002, shared=1.7, exchange=0.03)
    measured = [
        {"workers": w, "processes": p, "batch": b, "seconds": truth.seconds(b, w, p)}
        for w, p in ((1, 1), (1, 2), (2, 2))
        for b in (16, 64, 256)
    ]
    found = fit(measured)
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(truth))
    assert found.seconds(512, 2, 2) == pytest.approx(0.01 + 1.7 * 0.512 + 0.03)


def test_steps_and_batches_are_those_of_the_presets():
    for preset, counted in FACTS["counted"].items():
        (task,) = [n for n in registry.names() if preset in registry.get(n).presets]
        config = registry.get(task).preset(preset).config
        assert counted["steps"] == config.train.steps
        assert counted["batch"] == config.data.batch_size


def test_flop_of_forward_passes_are_about_the_papers():
    """Tab. 7 and App. H and I count multiplications and additions separately too."""
    billions = {
        "imagenet_fourier_position_encoding": 407,
        "imagenet_conv_preprocessing": 369,
        "language_mlm_bytes": 113,
    }
    for preset, paper in billions.items():
        assert FACTS["counted"][preset]["flops"] / 1e9 == pytest.approx(paper, rel=0.1)


def test_a_utilisation_is_never_above_one_and_only_measured_where_a_step_was():
    found = size_plan.runs(FACTS)
    assert all(0 < run.utilisation < 1 for run in found)
    assert [run.preset for run in found if not run.measured] == ["video_autoencoding"]
    forward = FACTS["gpu"]["runs"]["video-forward-bfloat16-b1"]
    video = next(run for run in found if run.preset == "video_autoencoding")
    assert video.utilisation < forward["flops"] / forward["seconds"] / FACTS["gpu"]["peak"]


def test_chips_are_named_once_and_sums_of_a_pod_are_its_vendors():
    assert len({chip.name for chip in CHIPS}) == len(CHIPS) == 5
    pods = {"TPU v3": 340e12, "TPU v4": 1.1e15, "TPU v5e": 51.2e12}
    for chip in CHIPS[:3]:
        assert chip.near * chip.group == pytest.approx(pods[chip.name])
