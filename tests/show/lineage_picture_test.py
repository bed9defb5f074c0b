"""The picture has a box for each thing, whose text stays inside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.patches import FancyBboxPatch

from perceiver_keras.show import lineage_picture
from tests.show import lineage_samples as samples


@pytest.mark.parametrize("sample", [samples.new(), samples.old()], ids=["new", "old"])
def test_every_box_holds_its_words(sample: dict) -> None:
    figure = lineage_picture.draw(sample)
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [p.get_window_extent() for p in axes.patches if isinstance(p, FancyBboxPatch)]
    assert len(boxes) == len(lineage_picture.PLACES)
    for text in axes.texts:
        if not text.get_text():
            continue
        extent = text.get_window_extent()
        inside = [
            b
            for b in boxes
            if b.contains(extent.x0, extent.y0) and b.contains(extent.x1, extent.y1)
        ]
        assert len(inside) == 1, text.get_text()


def test_long_words_and_formulas_do_not_leave_their_box() -> None:
    sample = samples.new()
    sample["settings"]["overrides"] = [f"model.encode.setting_{n}=value_{n}" for n in range(30)]
    sample["data"]["dataset"] = "own/" + "x" * 200
    sample["push"] |= {"of": "1", "from": "2", "because": "costs $5 and $7 more " * 20}
    test_every_box_holds_its_words(sample)


@pytest.mark.parametrize("end", ["png", "svg", "pdf"])
def test_it_is_written_in_the_format_of_its_name(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"lineage.{end}"
    lineage_picture.save(lineage_picture.draw(samples.new()), path)
    begin = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[end]
    assert path.read_bytes().startswith(begin)
