"""The span of a run is chosen once, and what it begins from is the model of an earlier one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perceiver_keras.commands.shared import span
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import preset_folder, registry

TASK = registry.get("image_classification")


def pin(*overrides: str, data: str | None = None, init: str | None = None, run_dir: str = "no"):
    return span.pin(TASK, "tiny", (), overrides, data, init, Path(run_dir))


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    for number in (1, 2, 10):
        (tmp_path / f"part-{number}").mkdir()
    return tmp_path


def test_what_names_no_span_stays_as_it_is() -> None:
    assert pin("data.batch_size=3", data="pictures", init="deepmind") == (
        "pictures",
        "deepmind",
        ("data.batch_size=3",),
    )


def test_the_user_s_data_and_the_folder_of_data_sets_may_grow(parts: Path, capsys) -> None:
    data, _, overrides = pin(data=f"{parts}/part-{{SPAN}}")
    assert (data, overrides) == (f"{parts}/part-10", ("data.span=10",))
    assert f"Span 10: {parts}/part-10" in capsys.readouterr().out
    folder = f"data.data_dir={parts}/part-{{SPAN}}"
    _, _, overrides = pin(folder, "data.span=2")
    config = TASK.configure("tiny", (), overrides)
    assert (config.data.data_dir, config.data.span) == (f"{parts}/part-2", 2)
    with pytest.raises(UsageError, match="keep one"):
        pin(folder, data=f"{parts}/part-{{SPAN}}")


def test_a_run_begins_from_the_newest_model_of_an_earlier_span(tmp_path: Path) -> None:
    first = TASK.preset("tiny").config
    model = TASK.build(first).build_all()
    for version, number in (("100", None), ("200", 3), ("300", 4), ("400", 5)):
        config = replace(first, data=replace(first.data, span=number))
        preset_folder.write(tmp_path / "blessed" / version, model, config, "tiny", None)
    for number, expected in ((9, "400"), (5, "300"), (4, "200"), (3, "100")):
        _, init, _ = pin(f"data.span={number}", init="previous", run_dir=str(tmp_path))
        assert init == str(tmp_path / "blessed" / expected)
    (tmp_path / "blessed" / "100" / "config.json").unlink()
    with pytest.raises(Exception, match=r"blessed/100"):
        pin("data.span=3", init="previous", run_dir=str(tmp_path))


def test_without_an_earlier_span_it_begins_from_nothing(tmp_path: Path) -> None:
    assert pin("data.span=1", init="previous", run_dir=str(tmp_path))[1] is None
    with pytest.raises(UsageError, match="with {SPAN} in --data or data.data_dir"):
        pin(init="previous")
