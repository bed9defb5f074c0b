"""AudioSet in small: mAP of windowed clips, calculated a second time with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

import perceiver_keras as pk
from perceiver_keras import reproduce
from perceiver_keras.data import audio
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.audio_classification import benchmark

RATE, SAMPLES, CLASSES = 8000, 5120, 8
TRUTHS = [[0], [1, 2], [2], [7, 0]]
RNG = np.random.default_rng(6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("audioset")
    names = [f'{i},/m/{i},"Class {i}, loud"' for i in range(CLASSES)]
    (root / "class_labels_indices.csv").write_text("\n".join(["index,mid,display_name", *names]))
    lines = [
        "# Segments csv",
        "# num_segs=6",
        "# YTID, start_seconds, end_seconds, positive_labels",
    ]
    (root / "clips").mkdir()
    for number, places in enumerate(TRUTHS):
        mids = ",".join(f"/m/{place}" for place in places)
        lines.append(f'clip{number}, 30.000, 40.000, "{mids},/m/unknown"')
        tone = np.sin(np.arange(2 * RATE) * RNG.uniform(0.05, 1)) * RNG.uniform(0.1, 0.9)
        (root / "clips" / f"clip{number}.wav").write_bytes(audio.encode_wav(tone, RATE))
    lines.append('gone, 0.000, 10.000, "/m/1"')
    (root / "eval_segments.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def model():
    return pk.AudioClassifier.from_preset("tiny")


def probabilities(model, path):
    """The mean over 16 evenly spaced windows, one after the other."""
    samples = audio.decode_wav(path.read_bytes(), 2 * RATE, RATE).numpy()
    starts = np.rint(np.linspace(0, len(samples) - SAMPLES, 16)).astype(int)
    windows = np.stack([samples[start : start + SAMPLES] for start in starts])
    mels = [audio.log_mel(one, RATE, bins=32, window=256, hop=128).numpy() for one in windows]
    logits = model({"audio": np.stack(mels)[..., None] / 5 + 1}).numpy().astype(np.float64)
    return np.mean(1 / (1 + np.exp(-logits)), 0)


def test_map_is_that_of_a_second_calculation(tmp_path, folder, model):
    row = reproduce.get("audioset-mel")
    whole = reproduce.reproduce(
        row,
        row.open(folder, {}),
        lambda: (registry.get(row.task), model, model.task_config),
        tmp_path / "record.json",
        weights={"given": "random", "sha256": "0"},
        options={},
    )
    scores = np.stack(
        [probabilities(model, folder / f"clips/clip{i}.wav") for i in range(len(TRUTHS))]
    )
    rounded = np.round(np.log(scores / (1 - scores)) * 128)
    truths = np.array([[place in places for place in range(CLASSES)] for places in TRUTHS])
    present = truths.any(0)
    wanted = [average_precision_score(truths[:, i], rounded[:, i]) for i in np.flatnonzero(present)]
    assert whole["measured"]["mean_average_precision"] == pytest.approx(np.mean(wanted), abs=1e-6)
    groups = {name: one["mean_average_precision"] for name, one in whole["groups"].items()}
    names = [f"Class {i}, loud" for i in np.flatnonzero(present)]
    assert groups == pytest.approx(dict(zip(names, wanted, strict=True)), abs=1e-6)
    assert whole["groups"]["Class 2, loud"]["clips"] == 2
    assert whole["facts"] == {"list": "eval_segments.csv", "listed": len(TRUTHS) + 1}
    assert list(whole["examples"]) == [f"clip{i}" for i in range(len(TRUTHS))]


def test_other_layouts_and_other_classes_are_refused(tmp_path, folder):
    with pytest.raises(UsageError, match="lacks class_labels_indices.csv"):
        benchmark.open_benchmark("audioset-raw", tmp_path, {})
    for name in ("class_labels_indices.csv", "eval_segments.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(UsageError, match="no clip in clips/ is named in eval_segments.csv"):
        benchmark.open_benchmark("audioset-raw", tmp_path, {})
    protocol = benchmark.open_benchmark("audioset-raw", folder, {})
    config = registry.get("audio_classification").presets["audioset_raw"].config
    with pytest.raises(UsageError, match="know 527 classes; class_labels_indices.csv has 8"):
        protocol.rows(None, config, protocol.keys)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("class_labels_indices.csv", b"index,mid\n0,/m/0\n"),
        ("class_labels_indices.csv", b"index,mid,display_name\nx,/m/0,A\n"),
        ("class_labels_indices.csv", b"index,mid,display_name\n0,/m/0,\xff\n"),
        ("eval_segments.csv", b"a, 0, 10\n"),
    ],
)
def test_damaged_lists_are_named(tmp_path, file, content) -> None:
    (tmp_path / "class_labels_indices.csv").write_bytes(
        b"\xef\xbb\xbfindex,mid,display_name\r\n0,/m/0,A\r\n"
    )
    (tmp_path / "eval_segments.csv").write_bytes(b'# YTID\r\n\r\na, 0, 10, "/m/0"\r\n')
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.wav").touch()
    assert benchmark.open_benchmark("audioset", tmp_path, {}).keys == ["a"]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(PerceiverError, match=f"{file} is damaged"):
        benchmark.open_benchmark("audioset", tmp_path, {})
