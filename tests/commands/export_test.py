"""`perceiver export`: a version folder with its signatures and warm-up requests, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.commands import export as export_command
from perceiver_keras.serve import Servable
from tests.commands.command_line import TASK, invoke, refused, told


def test_the_answer_names_the_version_and_its_signatures(export: dict, exported: Path) -> None:
    assert export["saved_model"] == str(exported / "3")
    assert export["signatures"]["serving_default"] == {
        "inputs": ["image_bytes"],
        "outputs": ["label", "probabilities"],
    }
    assert set(export["signatures"]) == set(tf.saved_model.load(exported / "3").signatures)
    assert (exported / "3" / "assets.extra" / "tf_serving_warmup_requests").stat().st_size > 0
    about = Servable(str(exported)).task
    assert (about["task"], about["preset"]) == ("image_classification", "tiny")


def test_a_run_folder_is_exported_as_its_model(trained: dict, tmp_path: Path) -> None:
    run_dir = Path(trained["model"]).parent
    exported = told("export", run_dir, tmp_path / "served", "--warmup", "0", "--device", "cpu")
    assert Servable(exported["saved_model"]).task["preset"] == "tiny"


def test_what_the_latents_attend_to_is_a_signature_and_a_line_of_the_card(
    trained, tmp_path
) -> None:
    picture = tf.io.encode_png(np.full([8, 8, 1], 99, np.uint8)).numpy()
    answer = told("export", trained["model"], tmp_path, "--warmup", "2", "--attention")
    assert answer["signatures"]["attention"] == {
        "inputs": ["image_bytes"],
        "outputs": ["attention", "seen"],
    }
    served = Servable(answer["saved_model"])
    shares = served.predict("attention", image_bytes=[picture])["attention"]
    assert shares.shape == (1, 4, 4)  # the stem makes one element of 2x2 pixels
    np.testing.assert_allclose(shares.sum(), 1, atol=1e-5)
    card = Path(served.folder, "assets.extra", "MODEL_CARD.md").read_text()
    assert "`attention` takes the same and returns attention: float32 [B, 4, 4]; seen: " in card
    refused(
        *("export", trained["model"], tmp_path / "x.onnx", "--to", "onnx", "--attention"),
        code=2,
        words="--attention goes with --to savedmodel",
    )


def test_a_run_folder_s_model_brings_the_card_that_its_run_wrote(trained: dict, tmp_path) -> None:
    extra = tmp_path / "run" / "pushed" / "7" / "assets.extra"
    extra.mkdir(parents=True)
    (tmp_path / "run" / "run.json").write_text('{"blessed": true}')
    assert export_command.card_of(tmp_path / "run") == {}  # an older run
    (extra / "model_card.json").write_text('{"quantitative_analysis": {}}')
    assert export_command.card_of(tmp_path / "run") == {"quantitative_analysis": {}}
    assert export_command.card_of(Path(trained["model"])) == {}
    assert export_command.card_of(Path(trained["model"]).parent) == {}  # a run of `train`


def test_without_a_number_the_version_is_the_time_in_seconds_or_above_the_newest(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 300.9)
    assert export_command.next_version(tmp_path / "served") == 300
    for newest, expected in ((7, 300), (299, 300), (300, 301), (9999999999, 10000000000)):
        (tmp_path / "served" / str(newest)).mkdir(parents=True)
        assert export_command.next_version(tmp_path / "served") == expected


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{pictures}", "{model}-out"], 1, "lacks config.json"),
        (["{model}", "{served}", "--version", "3"], 1, "choose another --version"),
        (["{model}", "{model}/config.json/x.onnx", "--to", "onnx"], 2, "is a file, not a folder"),
        (["{model}", "{model}/config.json"], 2, "is a file, not a folder"),
    ],
)
def test_what_can_go_wrong_is_a_line(trained, exported, pictures, arguments, code, words) -> None:
    places = {"model": trained["model"], "served": exported, "pictures": pictures}
    refused("export", *(a.format(**places) for a in arguments), code=code, words=words)
    assert not Path(f"{trained['model']}-out").exists()


def test_a_file_for_tensorflow_lite_comes_with_its_loss_by_eight_bits(
    trained: dict, tmp_path: Path
) -> None:
    out = tmp_path / "digits.tflite"
    said = invoke("export", trained["model"], out, "--to", "tflite", "--quantize", "dynamic").stdout
    assert out.stat().st_size > 1000
    known = json.loads((tmp_path / "digits.tflite.json").read_text())
    assert (known["task"], known["preset"], known["quantized"]) == (TASK, "tiny", "dynamic")
    assert "takes    inputs           float32 [B, 8, 8, 1]" in said
    assert "without  label            GatherV2 makes texts" in said
    accuracy = known["metrics"]["after"]["accuracy"]
    assert f"{accuracy:.4g}" in said and "METRIC" in said
    assert f"(limit {known['compared']['limit']:g})" in said
    refused("export", trained["model"], out, "--to", "tflite", code=1, words=f"{out} exists")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{new}.onnx", "--to", "onnx", "--quantize", "dynamic"], "goes with --to tflite"),
        (["{new}", "--quantize", "dynamic"], "goes with --to tflite"),
        (["{new}", "--to", "tflite"], "a TensorFlow Lite file ends in .tflite: write"),
        (["{new}.onnx", "--to", "onnx", "--version", "3"], "--version goes with --to savedmodel"),
        (["{new}.onnx", "--to", "onnx", "--warmup", "8"], "--warmup goes with --to savedmodel"),
        (
            ["{new}.tflite", "--to", "tflite", "--precision", "bfloat16"],
            "--precision goes with --to savedmodel",
        ),
    ],
)
def test_options_that_do_not_go_together(trained, tmp_path, arguments, words) -> None:
    new = tmp_path / "new"
    refused(
        "export", trained["model"], *(a.format(new=new) for a in arguments), code=2, words=words
    )
    assert list(tmp_path.iterdir()) == []
