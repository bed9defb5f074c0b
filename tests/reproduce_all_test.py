"""Finding data and weights by their names, and what becomes of rows that lack one of them."""

from __future__ import annotations

import json

import pytest

from perceiver_keras import reproduce_all as everything
from perceiver_keras.claims import benchmarks
from perceiver_keras.errors import PerceiverError

TABLE = benchmarks()


@pytest.fixture
def data(tmp_path):
    """A text, moments of replays, and a folder called KITTI that holds something else."""
    root = tmp_path / "data"
    (root / "Texts-of-mine").mkdir(parents=True)
    (root / "Texts-of-mine" / "a.txt").write_text("some words\n")
    (root / "starcraft_replays").mkdir()
    moment = {"entities": [[1.0]], "target": 0, "won": 1}
    (root / "starcraft_replays" / "test.jsonl").write_text(json.dumps(moment))
    (root / "KITTI").mkdir()
    return root


def test_data_is_found_by_the_names_of_folders(data):
    protocol, folder = everything.find_data(TABLE["mlm"], data)
    assert folder == data / "Texts-of-mine" and protocol.keys == ["a.txt#00000"]
    assert everything.find_data(TABLE["starcraft"], data)[1].name == "starcraft_replays"
    # The folder itself may be the data.
    assert everything.find_data(TABLE["mlm"], data / "Texts-of-mine")[1].name == "Texts-of-mine"
    assert everything.find_data(TABLE["sintel-clean"], data) is None
    with pytest.raises(PerceiverError, match="KITTI"):
        everything.find_data(TABLE["kitti-2015"], data)


def test_a_tfds_data_set_is_opened_by_the_folder_above_it(tmp_path):
    (tmp_path / "imagenet2012" / "5.1.0").mkdir(parents=True)
    (tmp_path / "imagenet2012" / "5.1.0" / "dataset_info.json").write_text("{}")
    (tmp_path / "glue" / "cola" / "2.0.0").mkdir(parents=True)
    (tmp_path / "glue" / "cola" / "2.0.0" / "dataset_info.json").write_text("{}")
    assert list(everything._folders(TABLE["imagenet-conv"], tmp_path)) == [tmp_path]
    assert list(everything._folders(TABLE["glue-cola"], tmp_path)) == [tmp_path]


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("mlm", "mlm"),
        ("mlm", "language_mlm_bytes"),
        ("mlm", "language_perceiver_io_bytes.pickle"),
        ("mlm", "language-perceiver"),
        ("starcraft", "starcraft_entities"),
        ("sintel-clean-apart", "optical_flow_apart"),
        ("glue-rte", "glue-rte"),
        ("kinetics-392-latents", "kinetics-392-latents"),
    ],
)
def test_weights_are_found_by_the_row_the_preset_or_the_official_file(tmp_path, name, of):
    assert everything.find_weights(TABLE[name], str(tmp_path)) is None
    (tmp_path / of).mkdir()
    assert everything.find_weights(TABLE[name], str(tmp_path)) == str(tmp_path / of)


def test_weights_of_another_row_are_not_taken(tmp_path):
    """Rows that share a preset have weights of their own."""
    for name in (
        "video_autoencoding",
        "video_autoencoding_checkpoint.pystate",
        "glue_single_query",
    ):
        (tmp_path / name).mkdir()
    for name in ("kinetics-392-latents", "kinetics-label-weight", "glue-rte", "glue-single-large"):
        assert everything.find_weights(TABLE[name], str(tmp_path)) is None
    assert everything.find_weights(TABLE["kinetics"], "deepmind") == "deepmind"
    assert everything.find_weights(TABLE["starcraft"], "deepmind") is None
    hub = "deepmind/language-perceiver"
    assert everything.find_weights(TABLE["mlm"], hub) == hub
    assert everything.find_weights(TABLE["kinetics"], hub) is None


def test_each_row_has_an_outcome_and_a_failure_stops_no_other(tmp_path, data):
    weights, records = tmp_path / "weights", tmp_path / "records"
    for name in ("mlm", "starcraft", "optical_flow"):
        (weights / name).mkdir(parents=True)
    records.mkdir()
    old = {"measured": {"accuracy": 0.5}, "examples": {"a": [1]}}
    (records / "imagenet-conv.json").write_text(json.dumps(old))
    (records / "imagenet-fourier.json").write_text("{")
    (records / "imagenet-learned.json").write_text('{"something": "else"}')
    asked = []

    def measure(benchmark, protocol, found, path):
        asked.append((benchmark.name, len(protocol.keys), found, path))
        if benchmark.name == "mlm":
            raise ValueError("something unforeseen\nwith details")
        return {"measured": {"aepe": 1.0}}

    outcomes = {
        outcome.benchmark.name: outcome
        for outcome in everything.measure_all(data, str(weights), records, measure)
    }
    assert list(outcomes) == list(TABLE)
    assert asked == [
        ("mlm", 1, str(weights / "mlm"), records / "mlm.json"),
        ("starcraft", 1, str(weights / "starcraft"), records / "starcraft.json"),
    ]
    reasons = {name: outcome.reason for name, outcome in outcomes.items()}
    assert reasons["mlm"] == "ValueError: something unforeseen"
    assert reasons["starcraft"] == "" and outcomes["starcraft"].record["measured"]
    assert (
        reasons["sintel-clean"] == "no data"
        and reasons["sintel-clean-conv"] == "no data, no weights"
    )
    assert "KITTI" in reasons["kitti-2015"]
    assert outcomes["imagenet-conv"].record == {"measured": {"accuracy": 0.5}}
    assert outcomes["imagenet-fourier"].record is None
    assert outcomes["imagenet-learned"].record is None
    assert outcomes["raft"].record is None and reasons["raft"] == ""
    assert [o.record for o in everything.known(records) if o.record] == [
        {"measured": {"accuracy": 0.5}}
    ]
