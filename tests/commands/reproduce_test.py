"""`perceiver reproduce` from end to end: a small folder in KITTI's layout, a tiny model's random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

import perceiver_keras as pk
from perceiver_keras import cli
from perceiver_keras.tasks.optical_flow import benchmark as flow_benchmarks
from tests.parity.fixtures import downloaded

RNG = np.random.default_rng(9)
SIZE = (18, 40)
PAIRS = 3


def invoke(*arguments: str | Path, code: int = 0):
    result = CliRunner().invoke(cli.main, [str(a) for a in arguments])
    assert result.exit_code == code, result.stderr
    return result


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    tf.random.set_seed(1)
    sizes = {"encode__num_latents": 4, "process__num_self_attention_layers": 1}
    model = pk.OpticalFlow.from_preset("tiny", **sizes)
    for variable in model.trainable_variables:
        variable.assign_add(tf.random.normal(variable.shape, stddev=0.1))
    return model.save_to_preset(tmp_path_factory.mktemp("weights") / "preset")


@pytest.fixture(scope="module")
def kitti(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("kitti")
    for folder in ("image_2", "flow_occ"):
        (root / "training" / folder).mkdir(parents=True)
    for number in range(PAIRS):
        for i in (10, 11):
            frame = RNG.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
            path = root / f"training/image_2/{number:06}_{i}.png"
            path.write_bytes(tf.io.encode_png(frame).numpy())
        coded = RNG.integers(2**15 - 500, 2**15 + 500, (*SIZE, 3), dtype=np.uint16)
        coded[..., 2] = RNG.random(SIZE) < 0.5
        path = root / f"training/flow_occ/{number:06}_10.png"
        path.write_bytes(tf.io.encode_png(coded).numpy())
    return root


def recomputed(kitti: Path, weights: Path) -> float:
    """Each image's mean error, their mean: from the files by hand and `predict_flow`."""
    model, means = pk.load(weights), []
    for number in range(PAIRS):
        frames = [kitti / f"training/image_2/{number:06}_{i}.png" for i in (10, 11)]
        coded = tf.io.decode_png(
            (kitti / f"training/flow_occ/{number:06}_10.png").read_bytes(), dtype=tf.uint16
        ).numpy()
        true, valid = (coded[..., :2].astype(np.float64) - 2**15) / 64, coded[..., 2] > 0
        error = model.predict_flow(*frames, tiling="notebook") - true
        means.append(np.hypot(error[..., 0], error[..., 1])[valid].mean())
    return float(np.mean(means))


def test_a_stopped_command_goes_on_to_the_same_record(kitti, weights, tmp_path, monkeypatch):
    words = [
        "reproduce",
        "kitti-2015",
        "--data",
        kitti,
        "--weights",
        weights,
        "--tiling",
        "notebook",
    ]
    once, record = tmp_path / "once.json", tmp_path / "record.json"
    shown = invoke(*words, "--record", once).stdout
    whole = json.loads(once.read_text())
    assert whole["measured"]["aepe_per_image"] == pytest.approx(
        recomputed(kitti, weights), rel=1e-4
    )
    assert "aepe_per_image" in shown and "4.98" in shown and "Record: " in shown
    assert f"{whole['measured']['aepe_per_image']:.4f}" in shown
    assert whole["options"] == {"tiling": "notebook"} and whole["complete"]

    row, calls = flow_benchmarks.FlowBenchmark._row, []

    def stopped(self, model, pair):
        calls.append(pair.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return row(self, model, pair)

    monkeypatch.setattr(flow_benchmarks.FlowBenchmark, "_row", stopped)
    result = invoke(*words, "--record", record, code=130)
    assert "run the same command again to resume" in result.stderr
    assert list(json.loads(record.read_text())["examples"]) == ["000000_10", "000001_10"]
    told = json.loads(invoke(*words, "--record", record, "--json").stdout)
    assert calls[3:] == ["000002_10"]
    assert record.read_bytes() == once.read_bytes()
    assert told["measured"] == whole["measured"] and told["claimed"] == {"aepe_per_image": 4.98}
    assert told["record"] == str(record)


def test_weights_by_the_name_of_their_repository(kitti, tmp_path, monkeypatch):
    """The record is that of the same weights under their other name; another repository is refused at once."""
    downloaded("optical_flow", tmp_path)
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path))
    words = ["reproduce", "kitti-2015", "--data", kitti, "--json", "--record", tmp_path / "a.json"]
    first = json.loads(invoke(*words, "--weights", "deepmind/optical-flow-perceiver").stdout)
    assert json.loads(invoke(*words, "--weights", "huggingface").stdout) == first | {
        "weights": "huggingface"
    }
    result = invoke(*words, "--weights", "deepmind/language-perceiver", code=2)
    assert "has the weights of language_mlm_bytes, not of optical_flow" in result.stderr


def test_the_list_and_wrong_words(kitti, weights, tmp_path):
    listed = invoke("reproduce").stdout
    assert "sintel-clean" in listed and "aepe 1.81" in listed
    told = json.loads(invoke("reproduce", "--json").stdout)["benchmarks"]
    assert told["kitti-2015"]["claimed"] == {"aepe_per_image": 4.98}
    words = ["reproduce", "kitti-2015", "--data", kitti, "--weights", weights]
    for arguments, expected in (
        (["reproduce", "kitti-2012"], "Did you mean 'kitti-2015'"),
        (["reproduce", "kitti-2015", "--data", kitti], "Name --data, your copy of KITTI 2015's"),
        (["reproduce", "sintel-final", *words[2:]], "expected training/final/SEQUENCE"),
        ([*words, "--tiling", "none"], "no tiling 'none'"),
    ):
        result = invoke(*arguments, "--record", tmp_path / "none.json", code=2)
        assert expected in result.stderr
    assert not (tmp_path / "none.json").exists()
    result = invoke(*words[:4], "--weights", tmp_path / "nothing", code=1)
    assert "nothing: No such file" in result.stderr


def test_all_measures_what_is_there_and_writes_one_page(kitti, weights, tmp_path):
    """The second time everything comes from the records; what is missing is named."""
    data, records = tmp_path / "data", tmp_path / "records"
    (data / "weights").mkdir(parents=True)
    (data / "KITTI").symlink_to(kitti)
    (data / "weights" / "optical_flow").symlink_to(weights)
    (data / "weights" / "mlm").symlink_to(weights)
    words = ["reproduce", "--all", "--data", data, "--record", records]
    shown = invoke(*words).stdout
    once = json.loads((records / "kitti-2015.json").read_text())
    assert once["complete"] and once["options"] == {"tiling": "paper"}
    assert "imagenet-conv: not run here: no data, no weights" in shown
    assert "sintel-clean: not run here: no data" in shown and "mlm: not run here: no data" in shown
    page = (records / "index.html").read_text()
    for words_of_page in (
        f"{once['measured']['aepe_per_image']:.2f}", "4.98", once["weights_sha256"][:12],
        "tiling paper", f"tensorflow {once['versions']['tensorflow']}", "the model is not the row&#39;s",
    ):  # fmt: skip
        assert words_of_page in page
    told = json.loads(invoke(*words, "--page", tmp_path / "page.html", "--json").stdout)
    assert told["measured"] == {"kitti-2015": once["measured"]}
    assert told["not_measured"]["starcraft"] == "no data, no weights"
    assert (tmp_path / "page.html").read_text() == page
    assert json.loads((records / "kitti-2015.json").read_text()) == once


def test_words_that_do_not_go_together_are_refused(tmp_path):
    for arguments, expected in (
        (["--all"], "--all takes --data, a folder"),
        (["mlm", "--all", "--data", tmp_path], "--all measures every benchmark"),
        (["--page", tmp_path / "x.html"], "--page belongs to --all"),
        (["raft", "--data", tmp_path], "raft is quoted for comparison"),
        (
            ["audioset-mel"],
            "Train them with: perceiver run audio_classification --preset audioset_mel",
        ),
        (
            ["kinetics", "--data", tmp_path, "--weights", "x", "--set", "first"],
            "expected NAME=VALUE",
        ),
        (["mlm", "--data", tmp_path, "--weights", "x", "--tiling", "paper"], "mlm takes no tiling"),
    ):
        assert expected in invoke("reproduce", *arguments, code=2).stderr
