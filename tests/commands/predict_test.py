"""Answers for what a user really has: from a trained model, and from every released model's official weights.

Each model is asked three times: as weights, as the SavedModel made of them, and as a server has that.
"""

from __future__ import annotations

import io
import json
import pickle
import shutil
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import perceiver_keras as pk
from perceiver_keras.data.flow import formats
from perceiver_keras.data.video import clips as video
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import run_folder
from tests.commands.command_line import TASK, invoke, refused, told
from tests.commands.three_ways import answers, three_ways
from tests.parity.fixtures import Fixture

SENTENCES = ("An incomplete sent[MASK]nce where some words are [MASK].", "No mask.")

# === A model that was trained and exported by the commands ===


def test_the_export_and_the_preset_folder_give_the_same_answers(
    trained: dict, exported: Path, pictures: Path, tmp_path: Path
) -> None:
    served = told(
        *("predict", TASK, pictures, "--model", exported, "--top", "2"),
        *("--save", tmp_path / "a.npz", "-o", tmp_path / "a.png"),
    )
    own = told(
        "predict", TASK, pictures, "--weights", trained["model"], "--save", tmp_path / "b.json"
    )
    assert [Path(p["file"]).name for p in served["predictions"]] == ["0.png", "1.png", "2.png"]
    for one, other in zip(served["predictions"], own["predictions"], strict=True):
        assert [set(entry) for entry in one["answer"]] == [{"label", "score"}] * 2
        assert [e["label"] for e in one["answer"]] == [e["label"] for e in other["answer"][:2]]
    arrays = np.load(tmp_path / "a.npz")
    plain = json.loads((tmp_path / "b.json").read_text())
    np.testing.assert_allclose(arrays["probabilities"], plain["probabilities"], atol=1e-6)
    assert [str(name) for name in arrays["files"]] == plain["files"]
    with Image.open(tmp_path / "a.png") as picture:
        assert min(picture.size) > 100


def test_bad_files_are_named_and_the_others_answered(
    exported: Path, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    result = told(
        *("predict", TASK, tmp_path / "broken.png", pictures / "1.png", tmp_path / "none.png"),
        *("--model", exported),
        code=1,
    )
    assert [p["file"] for p in result["predictions"]] == [str(pictures / "1.png")]
    errors = {Path(e["file"]).name: e["error"] for e in result["errors"]}
    assert set(errors) == {"broken.png", "none.png"}
    assert errors["none.png"] == "No such file or directory"
    assert "\n" not in errors["broken.png"]


def test_a_run_folder_is_a_model_by_either_option(trained, exported, pictures, tmp_path) -> None:
    run_dir = Path(trained["model"]).parent
    asked = ("predict", TASK, pictures, "--top", "2")
    wanted = told(*asked, "--weights", trained["model"])["predictions"]
    for option in ("--model", "--weights"):
        assert told(*asked, option, run_dir)["predictions"] == wanted
    # A run of the pipeline: its pushed model answers, its blessed copy has the weights.
    run = tmp_path / "run"
    run_folder.keep_blessed(run, Path(trained["model"]), "3")
    shutil.copytree(exported, run / "pushed")
    (run / "run.json").write_text(json.dumps({"blessed": True}))
    served = told(*asked, "--model", run)
    assert served["model"] == str(run / "pushed" / "3")
    assert "Taking version 3 of" in invoke(*asked, "--weights", run).stderr
    (run / "run.json").write_text(json.dumps({"blessed": False, "refused_because": ["Too bad."]}))
    assert "not blessed. Too bad." in invoke(*asked, "--model", run).stderr


def test_standard_input(exported: Path, pictures: Path) -> None:
    content = (pictures / "2.png").read_bytes()
    result = invoke("predict", TASK, "-", "--model", exported, input=io.BytesIO(content))
    assert result.stdout.startswith("-\t") and "%" in result.stdout


def test_a_pipeline_answers_what_the_command_does(exported: Path, trained, pictures: Path) -> None:
    """The export and the preset folder, for a file and for a folder of them."""
    for option, folder in (("--model", exported), ("--weights", Path(trained["model"]))):
        found = told("predict", TASK, pictures, option, folder, "--top", "2")["predictions"]
        ask = pk.pipeline("image-classification", folder)
        assert ask(pictures, top=2) == [one["answer"] for one in found]
        alone, answer = ask(found[0]["file"], top=2), found[0]["answer"]
        # Another number of files at once may round the sixth digit differently.
        assert [row["label"] for row in alone] == [row["label"] for row in answer]
        scores = [row["score"] for row in answer]
        assert [row["score"] for row in alone] == pytest.approx(scores, abs=2e-6)
    with pytest.raises(UsageError, match="is a model for image_classification, not for glue"):
        pk.pipeline("glue", exported)


def test_a_folder_that_holds_no_model_is_named(pictures: Path) -> None:
    refused("predict", TASK, pictures, "--model", pictures, code=1, words="SavedModel")


def test_what_is_called_is_also_the_package_of_that_name() -> None:
    from perceiver_keras import pipeline

    assert pk.pipeline is pipeline and pipeline.PipelineSettings
    assert pk.pipeline("glue", pk.GlueModel.from_preset("tiny")).task == "glue"


# === Released models, with the official weights of the parity fixtures ===


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """Preset -> the fixture's weights as DeepMind's pickle."""
    folder = tmp_path_factory.mktemp("official")

    def written(preset: str) -> Path:
        path = folder / f"{preset}.pystate"
        path.write_bytes(pickle.dumps(Fixture("deepmind", preset).tree))
        return path

    return written


def picture(path: Path, height: int, width: int, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_picture_to_labels_with_names(official, tmp_path):
    weights = official("imagenet_learned_position_encoding")
    asked = [picture(tmp_path / f"{i}.png", 40, 30, i) for i in range(2)]
    found = three_ways(weights, tmp_path, "image_classification", [], *asked, "--top", "3")
    assert [[set(entry) for entry in answer] for answer in found] == [[{"label", "score"}] * 3] * 2
    assert all(
        a["score"] >= b["score"]
        for answer in found
        for a, b in zip(answer, answer[1:], strict=False)
    )


def test_a_sentence_with_masks_to_their_fillings(official, tmp_path):
    weights = official("language_mlm_bytes")
    found = three_ways(weights, tmp_path, "language_mlm", [], *SENTENCES)
    assert answers("language_mlm", *SENTENCES, "--weights", weights) == found
    first, none = found
    assert len(first) == 2 and len(first[0]) == 5 and none == []
    assert {"score", "token", "token_str", "sequence"} == set(first[0][0])


def test_two_pictures_to_flow(official, tmp_path):
    size = json.dumps(Fixture("deepmind", "optical_flow").settings["size"])
    frames = [picture(tmp_path / f"{i}.png", 19, 45, i) for i in range(2)]  # larger than a tile
    weights = official("optical_flow")
    three_ways(weights, tmp_path, "optical_flow", [f"model.image_size={size}"], *frames)
    told(
        *("predict", "optical_flow", *frames, "--weights", tmp_path / "ours"),
        *("-o", tmp_path / "flow.png", "--save", tmp_path / "flow.flo"),
    )
    with np.load(tmp_path / "weights.npz") as arrays:
        flow = arrays["flow"][0]
    written = np.fromfile(tmp_path / "flow.flo", "<f4", offset=12).reshape(19, 45, 2)
    np.testing.assert_allclose(written, flow, atol=1e-5)
    with Image.open(tmp_path / "flow.png") as drawn:
        assert min(drawn.size) > 100


def test_a_clip_to_its_reconstruction_and_label(official, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "clip.mp4"
    path.write_bytes(video.to_mp4(rng.random((4, 16, 16, 3)), rng.uniform(-1, 1, 7680)))
    sizes = ["num_frames=4", "image_size=[16,16]", "audio_samples=256"]
    weights = official("video_autoencoding")
    (found,) = three_ways(
        *(weights, tmp_path, "multimodal_autoencoding", [f"model.{size}" for size in sizes]),
        *(path, "--top", "2"),
    )
    assert [set(entry) for entry in found] == [{"label", "score"}] * 2
    told(
        *("predict", "multimodal_autoencoding", path, "--weights", tmp_path / "ours"),
        *("-o", tmp_path / "drawn.png", "--save", tmp_path / "again.mp4"),
    )
    assert len(video.read_video(tmp_path / "again.mp4").frames) == 4


# === Pairs of optical flow, by a tiny model with random weights ===

SIZE = (18, 40)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    tf.random.set_seed(2)
    sizes = {"encode__num_latents": 4, "process__num_self_attention_layers": 1}
    model = pk.OpticalFlow.from_preset("tiny", **sizes)
    for variable in model.trainable_variables:
        variable.assign_add(tf.random.normal(variable.shape, stddev=0.1))
    return model.save_to_preset(tmp_path_factory.mktemp("weights") / "preset")


@pytest.fixture
def frames(tmp_path) -> Path:
    """Three frames that fit and one that doesn't."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, size in enumerate((SIZE, SIZE, SIZE, (18, 41))):
        picture(folder / f"f{number}.png", *size, number)
    return folder


def test_pairs_of_pictures_and_of_a_folder_to_files(weights, frames, tmp_path):
    pair = [frames / "f0.png", frames / "f1.png"]
    drawn, saved = tmp_path / "flow.png", tmp_path / "flow.flo"
    asked = ("predict", "optical_flow", *pair, "--weights", weights)
    answer = told(*asked, "-o", drawn, "--save", saved)["predictions"][0]["answer"]
    own = pk.load(weights).predict_flow(*pair)
    read, known = formats.read_flow(saved)
    assert known.all()
    np.testing.assert_allclose(read, own, rtol=1e-4, atol=1e-4 * np.abs(own).max())
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert (answer["height"], answer["width"]) == SIZE
    assert answer["largest_motion"] == pytest.approx(
        np.hypot(*own.reshape(-1, 2).T).max(), rel=1e-3
    )

    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "f0.flo").write_bytes(b"there before")
    asked = ("predict", "optical_flow", frames, "--weights", weights, "--save", flows)
    result = told(*asked, code=1)
    assert result["skipped"] == []
    assert [p["file"] for p in result["predictions"]] == [str(frames / f"f{i}.png") for i in (0, 1)]
    written = [Path(p["written"][0]) for p in result["predictions"]]
    assert [path.name for path in written] == ["f0-2.flo", "f1.flo"]
    assert "18x40 pixels and" in result["errors"][0]["error"]
    assert (flows / "f0.flo").read_bytes() == b"there before"
    assert all(formats.read_flow(path)[0].shape == (*SIZE, 2) for path in written)
    (flows / "f1.flo").unlink()  # as if the command had been stopped
    again = told(*asked, code=1)
    assert again["skipped"] == [str(frames / "f0.png")]
    assert [p["file"] for p in again["predictions"]] == [str(frames / "f1.png")]


def test_a_video_to_a_video_of_flow(weights, tmp_path):
    path, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    writer = imageio_ffmpeg.write_frames(str(path), (48, 32), fps=5, macro_block_size=2)
    writer.send(None)
    for frame in np.random.default_rng(10).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8):
        writer.send(frame)
    writer.close()
    said = invoke("predict", "optical_flow", path, "--weights", weights, "-o", out).stdout
    assert (
        f"{tmp_path}/in_000001.mp4\t32 x 48 pixels; motion " in said and f"Written: {out}" in said
    )
    made = imageio_ffmpeg.read_frames(str(out))
    about = next(made)
    assert about["size"] == (48, 32) and about["fps"] == 5 and len(list(made)) == 2


def test_what_is_not_a_pair_is_named_before_any_model_is_loaded(frames, tmp_path):
    pair = [frames / "f0.png", frames / "f1.png"]
    for asked, words in (
        ([frames / "f0.png"], "got only"),
        ([tmp_path / "none.mp4"], "none.mp4 does not exist"),
        ([frames, frames], "a sequence of its own"),
        ([frames, "-o", tmp_path / "x.gif"], "write it as .png or"),
        ([frames, "--save", tmp_path / "x.flo"], "holds one answer, but there are 2"),
        ([*pair, "-o", frames / "f1.png"], "is also what is asked about"),
        ([*pair, "-o", frames / "f1.png" / "x.png"], "f1.png is not a folder"),
    ):
        refused("predict", "optical_flow", *asked, "--weights", tmp_path, code=2, words=words)


# === One file per request, and texts, by tiny models with random weights ===


@pytest.fixture(scope="module")
def taggers(tmp_path_factory) -> tuple[Path, Path]:
    """Two models that tag texts."""
    folder = tmp_path_factory.mktemp("taggers")
    sizes = {"encode__num_latents": 4, "process__num_self_attention_layers": 1}
    made = (pk.TokenClassifier.from_preset("tiny", **sizes) for _ in range(2))
    return tuple(model.save_to_preset(folder / f"{number}") for number, model in enumerate(made))


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def test_pictures_of_one_name_have_a_file_each(trained, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/1.png", "b/1.png", "x.png", "X.PNG"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes((pictures / f"{len(name) % 3}.png").read_bytes())
    asked = ("predict", TASK, "a/1.png", "b/1.png", "x.png", "X.PNG", "--weights", trained["model"])
    result = told(*asked, "--save", "out/", "-o", "drawn/")
    assert listed(Path("out")) == ["1-2.npz", "1.npz", "X-2.npz", "x.npz"]
    assert listed(Path("drawn")) == ["1-2.png", "1.png", "X-2.png", "x.png"]
    for prediction in result["predictions"]:
        drawn, numbers = sorted(prediction["written"])
        assert drawn.startswith("drawn/")
        with np.load(numbers) as arrays:
            assert arrays["files"] == [prediction["file"]]
            assert arrays["probabilities"].max() == pytest.approx(
                prediction["answer"][0]["score"], abs=1e-6
            )
    assert told(*asked, "--save", "out/", "-o", "drawn/")["skipped"] == [
        *("a/1.png", "b/1.png", "x.png", "X.PNG")
    ]


def test_lines_and_long_texts_have_a_file_each_for_the_model_that_answered(taggers, tmp_path):
    (tmp_path / "lines.txt").write_text("x = 1\n", encoding="utf-16")
    texts = [tmp_path / "lines.txt", "a" * 5000, "a" * 5001, "con", "x/y", "naïve", "naïve"]
    asked = ("predict", "token_classification", *texts, "--save", f"{tmp_path}/out/", "--weights")
    result = told(*asked, taggers[0])
    assert len(result["predictions"]) == len(listed(tmp_path / "out")) == len(texts)
    assert told(*asked, taggers[0])["skipped"] == [str(text) for text in texts]
    before = {path: path.read_bytes() for path in (tmp_path / "out").glob("*.npz")}
    assert told(*asked, taggers[1])["skipped"] == []
    after = {path: path.read_bytes() for path in (tmp_path / "out").glob("*.npz")}
    assert before.keys() == after.keys()
    assert all(before[path] != after[path] for path in before)


def test_entities_are_named_and_offsets_slice_the_text(taggers, tmp_path):
    text = "日本語 = naïve + 🙂"
    asked = ("predict", "token_classification", text, "--weights", taggers[0])
    (answer,) = answers(*asked[1:])
    assert all(text[e["start"] : e["end"]] == e["word"] for e in answer)
    line = invoke(*asked).stdout.strip().split("\t")[1]
    assert "None" not in line and all(f"{e['entity']} {e['word']!r} " in line for e in answer)
    invoke(*asked, "-o", tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert min(picture.size) > 50 and np.asarray(picture.convert("L")).std() > 0


def test_texts_that_are_not_utf_8_are_decoded_or_named_once(taggers, tmp_path):
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_bytes("naïve = 1".encode("utf-16"))
    bad.write_bytes("naïve = 1".encode("utf-16-le"))
    said = invoke(
        *("predict", "token_classification", good, bad, tmp_path / "none/x\0", "naïve = 1"),
        *("--weights", taggers[0]),
        code=1,
    )
    lines = said.stdout.strip().splitlines()
    assert lines[0].split("\t")[1] == lines[-1].split("\t")[1]
    assert said.stderr.count("bad.txt") == 1
    assert (
        "bad.txt: looks like UTF-16LE without a byte order mark; convert it: iconv" in said.stderr
    )


def test_requests_that_all_fail_and_wrong_models_are_one_line(taggers, pictures, trained, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / "void").mkdir()
    asked = ("predict", TASK, tmp_path / "a.png", tmp_path / "b.png")
    said = invoke(*asked, "--weights", trained["model"], "--save", tmp_path / "x.npz", code=1)
    assert f"{tmp_path}/a.png: not a PNG" in said.stderr
    assert f"{tmp_path}/b.png: No such file" in said.stderr
    assert "Not written" in said.stdout and not (tmp_path / "x.npz").exists()
    for words, arguments in (
        ("has no files", (TASK, tmp_path / "void", "--weights", trained["model"])),
        ("not for image_classification", (TASK, pictures, "--weights", taggers[0])),
        ("Name the model with --model", ("glue", "cola: a")),
    ):
        refused("predict", *arguments, code=2, words=words)


def test_masks_of_different_numbers_fit_one_file(tmp_path):
    sizes = {"encode__num_latents": 4, "process__num_self_attention_layers": 1}
    model = pk.MaskedLanguageModel.from_preset("tiny", **sizes)
    weights = model.save_to_preset(tmp_path / "preset")
    texts = ["[MASK]" * (1 + number % 3) for number in range(40)] + ["none"]
    (tmp_path / "texts").write_text("\n".join(texts))
    asked = ("predict", "language_mlm", tmp_path / "texts", "--weights", weights)
    said = invoke(*asked, "--save", tmp_path / "a.npz").stdout
    assert f"{tmp_path}/texts:41\tno [MASK] in it" in said
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["token_id"].shape[:2] == (41, 3)
        counts = (arrays["token_id"][:, :, 0] >= 0).sum(1)
        assert counts.tolist() == [1 + number % 3 for number in range(40)] + [0]
        assert arrays["token"][-1].tolist() == [[""] * arrays["token"].shape[2]] * 3
