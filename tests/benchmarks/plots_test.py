"""The plots have the numbers of the results, and are there only if there are any."""

from __future__ import annotations

import pytest
from PIL import Image

from perceiver_keras.benchmarks import plots
from tests.benchmarks.rows import row, side


def test_bars_are_ratios_to_the_fastest_peer() -> None:
    sides = {"ours": side(1.0, peak=300), "huggingface": side(4.0, peak=200)}
    one = row("models/mlm/forward/float32", sides)
    seconds, memory = plots.models({"a": one}).axes
    assert [bar.get_width() for bar in seconds.patches] == [0.25]
    assert [bar.get_width() for bar in memory.patches] == pytest.approx([1.5])


def test_lines_grow_with_the_size() -> None:
    cases = {
        str(size): row(f"inputs/{size}", {"ours": side(size / 8)}, case={"x": size})
        for size in (16, 8, 32)
    }
    seconds, _ = plots.growth(cases).axes
    (line,) = seconds.lines
    assert list(line.get_xdata()) == [8, 16, 32] and list(line.get_ydata()) == [1.0, 2.0, 4.0]


def test_each_side_has_a_colour_of_its_own() -> None:
    assert plots.COLOURS.keys() == plots.TITLES.keys()
    assert len(set(plots.COLOURS.values())) == len(plots.COLOURS)


@pytest.mark.parametrize("cases", [{}, {"a": row("start/help", {"ours": side(1.0)})}])
def test_without_numbers_there_is_no_plot(cases, tmp_path) -> None:
    assert plots.write({"cases": cases}, tmp_path, "results") == []


def test_they_are_pictures(tmp_path) -> None:
    cases = {"a": row("batch/1", {"ours": side(1.0)}, case={"x": 1})}
    (name,) = plots.write({"cases": cases}, tmp_path, "results")
    assert Image.open(tmp_path / name).width > 300
