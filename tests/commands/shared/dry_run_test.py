"""What a dry run says, held against the data set, the model and the machine; and that it writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from perceiver_keras.commands.shared import choose, dry_run
from perceiver_keras.commands.shared.dry_run import duration, mib, si
from perceiver_keras.data.store import source
from perceiver_keras.tasks import registry
from tests.commands.command_line import SMALL, TASK, invoke, settings

TASK_ = registry.get(TASK)


@pytest.fixture(scope="module")
def known() -> dict:
    """The facts of a small run that was never made."""
    source.open_builder("perceiver_digits")
    chosen = choose.choose(TASK_, "tiny", (), SMALL, 3)
    return dry_run.facts(TASK_, chosen, "tiny", SMALL, 3)


def test_the_data_are_those_of_the_builder(known: dict) -> None:
    info = source.open_builder("perceiver_digits").info
    data = known["data"]
    assert data["prepared"] and data["classes"] == [str(digit) for digit in range(10)]
    assert {name: split["examples"] for name, split in data["splits"].items()} == {
        name: min(100, info.splits[name].num_examples) for name in dry_run.SPLITS
    }


def test_the_settings_name_their_source(known: dict) -> None:
    changed = {
        s["key"]: (s["value"], s["source"])
        for s in known["settings"]
        if s["source"][:6] != "preset"
    }
    assert changed["train.steps"] == (4, "--set")
    assert changed["train.seed"] == (3, "--seed")
    assert len(changed) == len(SMALL) + 1


def test_the_cost_is_the_model_s(known: dict) -> None:
    config = TASK_.configure("tiny", overrides=SMALL)
    cost = known["cost"]
    model = TASK_.build(config).build_all()
    assert cost["parameters"] == sum(w.shape.num_elements() for w in model.trainable_weights)
    assert cost["weights"] == 4 * model.count_params()
    assert cost["step_flops"] == cost["training_flops"] * config.data.batch_size
    assert cost["fits"]


def test_the_time_is_that_of_real_steps(known: dict) -> None:
    time = known["time"]
    assert time["method"] == "steps" and time["measured_steps"] >= 1
    assert time["training_seconds"] == pytest.approx(4 * time["step_seconds"])
    parts = ("start_seconds", "training_seconds", "evaluation_seconds")
    assert time["seconds"] == pytest.approx(sum(time[part] for part in parts))


def test_people_are_told_the_same(known: dict, capsys) -> None:
    dry_run.show(known, TASK_.configure("tiny", overrides=SMALL))
    said = capsys.readouterr().out
    for words in ("nothing is trained", "perceiver_digits", "train.steps", "2400", "--seed"):
        assert words in said
    assert f"{known['cost']['parameters']:,}" in said and "real steps just now" in said
    assert json.loads(json.dumps(known)) == known


def test_own_pictures_are_looked_at_and_not_prepared(tmp_path: Path, monkeypatch) -> None:
    for number in range(12):
        folder = tmp_path / "mine" / ("dark" if number % 2 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), 20 * number).save(folder / f"{number}.png")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("PERCEIVER_DATA_DIR", raising=False)
    chosen = choose.choose(TASK_, "tiny", (), (), None, str(tmp_path / "mine"))
    data = dry_run.data_facts(TASK_, chosen.config, chosen.found)
    assert data["classes"] == ["dark", "light"] and not data["prepared"]
    assert sum(split["examples"] for split in data["splits"].values()) == 12
    assert data["found"]["layout"]
    assert not list((tmp_path / "data").rglob("dataset_info.json"))


def test_a_data_set_that_is_not_prepared_stays_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("PERCEIVER_DATA_DIR", raising=False)
    data = dry_run.data_facts(TASK_, TASK_.preset("tiny").config, None)
    assert not data["prepared"] and data["classes"][3] == "3"
    assert data["splits"]["test"] == {"split": "test", "examples": None}
    assert not (tmp_path / "data").exists()


def test_a_released_size_is_computed_and_not_tried() -> None:
    config = TASK_.preset("imagenet_fourier_position_encoding").config
    data = {"prepared": True, "splits": {"validation": {"examples": 50_000}}}
    cost = {"step_flops": 1e16, "fits": True, "batch_size": 1024}
    time = dry_run.time_facts(TASK_, config, data, cost)
    assert (time["method"], time["measured_steps"]) == ("products", 0)
    assert time["step_seconds"] == pytest.approx(1e16 / time["products_flops_per_second"])
    assert "expect 2 to 5 times" in dry_run.method(time)


def test_while_a_vocabulary_is_missing_nothing_is_trained_for_it() -> None:
    task = registry.get("language_mlm")
    config = task.configure(overrides=("data.sentencepiece=train",))
    assert dry_run.cost_facts(task, config) is None
    assert dry_run.time_facts(task, config, {}, None) is None


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ("acuracy=0.9", "no such metric. Did you mean 'accuracy'?"),
        ("accuracy@label=77=0.9", "no such slice 'label=77'. Did you mean 'label=7'?"),
        ("accuracy@label=7", "--set evaluate.thresholds.accuracy@label=7=0.9"),
        ("accuracy@label=seven", "for the slice seven: evaluate.thresholds.accuracy@label=seven="),
    ],
)
def test_a_wrong_threshold_is_refused_at_once(threshold: str, words: str, tmp_path: Path) -> None:
    wrong = settings(f"evaluate.thresholds.{threshold}", "data.batch_size=auto")
    for command in ("train", "run"):
        for more in ((), ("--dry-run",)):
            refused = invoke(command, TASK, *wrong, *more, "--run-dir", tmp_path / "run", code=2)
            assert words in refused.stderr and refused.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_threshold_that_a_guess_reaches_is_refused_where_it_is_set(tmp_path: Path) -> None:
    source.open_builder("perceiver_digits")
    low, folder = settings("evaluate.thresholds.accuracy=0.05"), ("--run-dir", tmp_path / "run")
    for command in (("run", *folder), ("run", "--dry-run", *folder), ("config",)):
        name, *more = command
        refused = invoke(name, TASK, *low, *more, code=2)
        assert "the trivial guess reaches 0.1004 on the 269 examples" in refused.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (si(0), "0 FLOP"),
        (si(3_290_368), "3.29 MFLOP"),
        (si(4.03e21), "4.03e+03 EFLOP"),
        (mib(23_431_628), "22.3 MiB"),
        (mib(3 * 2**30), "3 GiB"),
        (duration(40), "about 40 s"),
        (duration(3000), "about 50 min"),
        (duration(36_000), "about 10 h"),
        (duration(864_000), "about 10 days"),
    ],
)
def test_numbers_are_readable(shown: str, text: str) -> None:
    assert shown == text
