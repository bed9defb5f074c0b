"""Kinetics in small: PSNR and the masked label of rendered videos, calculated a second time in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import perceiver_keras as pk
from perceiver_keras import reproduce
from perceiver_keras.data import audio
from perceiver_keras.data.video import clips
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry

LABELS = ("archery", "juggling", "waving", "zumba")
RATE, FRAMES, SIDE = 8000, 4, 16
LENGTHS = {"aaaaaaaaaaa": 11, "bbbbbbbbbbb": 2}  # frames


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("kinetics")
    rng = np.random.default_rng(5)
    lines = ["label,youtube_id,time_start,time_end,split"]
    for (name, length), label in zip(LENGTHS.items(), LABELS[1:], strict=False):
        time = np.arange(length)[:, None, None, None] / 11
        frames = np.clip(rng.random((1, 32, 48, 3)) * 0.5 + time / 2, 0, 1)
        sound = rng.uniform(-0.5, 0.5, length * clips.SOUND_RATE // 25)
        (root / f"{name}_000003_000013.mp4").write_bytes(clips.to_mp4(frames, sound))
        lines.append(f"{label},{name},3,13,val")
    (root / "val.csv").write_text("\n".join(lines) + "\n")
    (root / "train.csv").write_text("\n".join([lines[0], *(f"{x},q,1,2,train" for x in LABELS)]))
    return root


@pytest.fixture(scope="module")
def model():
    return pk.MultimodalAutoencoder.from_preset("tiny")


def windows(path):
    """All frames [n, 16, 16, 3] and samples of a video, by the functions that decode any clip."""
    clip = clips.read_video(path)
    frames = clips.decode_frames(np.array(clip.frames, dtype=object), (SIDE, SIDE)).numpy()
    count = max(len(frames), FRAMES)
    sound = audio.decode_wav(clip.sound, count * RATE // 25, RATE).numpy()
    held = np.concatenate([frames, np.repeat(frames[-1:], count - len(frames), axis=0)])
    return held, sound


def measured_by_hand(model, folder, start_of):
    """Mean PSNR of pictures and of sound, and the share of right labels, the label given as zeros."""
    rows = []
    for place, name in enumerate(LENGTHS, 1):
        frames, sound = windows(folder / f"{name}_000003_000013.mp4")
        per_clip = []
        for start in start_of(len(frames)):
            picture = frames[start : start + FRAMES]
            heard = sound[start * 320 : start * 320 + 1280]
            outputs = model(
                {
                    "image": picture[None],
                    "audio": heard[None, :, None],
                    "label": np.zeros((1, 4), "f4"),
                }
            )
            errors = [
                np.mean((np.asarray(outputs["image"][0], np.float64) - picture) ** 2),
                np.mean((np.asarray(outputs["audio"][0], np.float64) - heard) ** 2),
            ]
            right = int(np.argmax(outputs["label"][0])) == place
            per_clip.append([*(-10 * np.log10(errors)), right])
        rows.append(np.mean(per_clip, 0))
    return dict(zip(("video_psnr", "audio_psnr", "accuracy"), np.mean(rows, 0), strict=True))


@pytest.mark.parametrize(
    ("window", "start_of"),
    [
        ("first", lambda n: [0]),
        ("middle", lambda n: [(n - 4) // 2]),
        ("all", lambda n: range(0, n - 3, 4)),
    ],
)
def test_psnr_and_label_are_those_of_a_second_calculation(
    tmp_path, folder, model, window, start_of
):
    row = reproduce.get("kinetics")
    whole = reproduce.reproduce(
        row,
        row.open(folder, {"window": window}),
        lambda: (registry.get(row.task), model, model.task_config),
        tmp_path / "record.json",
        weights={"given": "random", "sha256": "0"},
        options={"window": window},
    )
    wanted = measured_by_hand(model, folder, start_of)
    assert {k: whole["measured"][k] for k in wanted} == pytest.approx(wanted, rel=1e-4)
    assert list(whole["groups"]) == list(LABELS[1:3]) and whole["num_examples"] == 2
    assert whole["facts"] == {"list": "val.csv", "listed": 2}


def test_classes_are_known_by_name_or_by_all_the_labels(tmp_path, folder, model):
    protocol = reproduce.get("kinetics").open(folder, {})
    assert protocol._places(None, 4) == {name: place for place, name in enumerate(LABELS)}
    backwards = list(LABELS[::-1])
    assert protocol._places(backwards, 4)["zumba"] == 0
    with pytest.raises(UsageError, match="name 4 labels; the model has 700 classes"):
        protocol._places(None, 700)


def test_a_model_that_sees_the_label_and_an_unknown_window_are_refused(folder, model):
    with pytest.raises(UsageError, match="no window 'midle'. Did you mean 'middle'"):
        reproduce.get("kinetics").open(folder, {"window": "midle"})
    seeing = pk.MultimodalAutoencoder.from_preset("tiny", inference_mask_probs={"label": 0.0})
    protocol = reproduce.get("kinetics").open(folder, {})
    with pytest.raises(UsageError, match="sees the label"):
        protocol.rows(seeing, seeing.task_config, protocol.keys)
