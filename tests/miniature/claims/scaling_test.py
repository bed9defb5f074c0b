"""The claim about cost: slopes are those of a line, counted FLOPs are linear, and it runs."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.miniature import sizes
from perceiver_keras.miniature.claims.scaling import CLAIM, judge, slope
from perceiver_keras.miniature.outcome import FAILS, HOLDS
from perceiver_keras.training.graph_usage import graph_usage
from tests.miniature.quickly import measured_quickly


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_slope_is_the_power(power):
    rows = [{"step": s, "t": 3 * s**power} for s in (2, 8, 64, 100)]
    assert slope(rows, "t") == pytest.approx(power)


def test_counted_flops_grow_as_the_paper_says():
    """Linear for the Perceiver, and with the square for the Transformer; depth adds the same at every size."""

    def flops(kind, layers):
        run, found = sizes.forward(kind, layers), []
        for size in (1024, 2048, 4096):
            shape = tf.TensorSpec([1, size, sizes.WIDTH])
            found.append(graph_usage(run.get_concrete_function(shape).graph).flops)
        return found

    for kind in ("inputs", "outputs"):
        one, two = flops(kind, 1), flops(kind, 2)
        assert one[2] - one[1] == 2 * (one[1] - one[0])
        assert len({b - a for a, b in zip(one, two, strict=True)}) == 1
    one, two, four = flops("transformer", 1)
    assert 3.5 < (four - two) / (two - one) < 4  # 4 without the linear part


def test_it_runs_at_a_tiny_size(tmp_path):
    records = measured_quickly(CLAIM, tmp_path, "inputs")
    for found in records.values():
        assert [row["step"] for row in found[0]["curves"]["passes"]] == [64, 128, 256]
        assert found[0]["numbers"]["deeper"] > 0


def test_its_judge():
    def records(**numbers):
        return {arm.name: {s: {"numbers": dict(numbers)} for s in range(3)} for arm in CLAIM.arms}

    given = records(time_slope=0.9, memory_slope=1.0, deeper=1.01)
    given["transformer"] = records(time_slope=1.9, deeper=4.0)["transformer"]
    assert judge(given).verdict == HOLDS
    assert judge(records(time_slope=0.9, memory_slope=1.0, deeper=1.01)).verdict == FAILS
