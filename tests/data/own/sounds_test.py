"""Sounds with classes: lengths, rates, windows, labels, and which samples are stored."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data.own import sounds
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError
from tests import own_folders
from tests.data.sound_files import make, tone


def _look(path: Path, **options):
    return sounds.look(Place(given=path, root=path, store=path.parent / "store", options=options))


def _stored(found, tmp_path: Path, share: float = 0.0) -> list[dict]:
    prepare(found, str(tmp_path / "data"), share)
    builder = source.open_builder(found.dataset, str(tmp_path / "data"))
    return [
        row for split in builder.info.splits for row in tfds.as_numpy(builder.as_dataset(split))
    ]


def _wav(path: Path, samples: np.ndarray, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1] if samples.ndim > 1 else 1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def test_samples_and_classes_are_stored_as_they_are(tmp_path: Path) -> None:
    root = own_folders.sounds(tmp_path / "mine")
    found = _look(root)
    assert found.labels == ("noise", "tone")
    assert found.measured["rate"] == 8000 and found.measured["window"] == pytest.approx(0.3)
    rows = _stored(found, tmp_path)
    assert len(rows) == 24
    for row in rows:
        name = row["file"].decode()
        assert found.labels[row["label"][0]] == name.split("/")[0]
        samples, rate = tf.audio.decode_wav(row["audio"])
        with wave.open(str(root / name)) as file:
            expected = np.frombuffer(file.readframes(10**6), "<i2")
        assert rate == 8000
        np.testing.assert_allclose(samples[:, 0] * 32768, expected, atol=1)


def test_sounds_of_many_suffixes_are_found_and_heard(tmp_path: Path) -> None:
    suffixes = (".mka", ".caf", ".mp2", ".ac3", ".wv", ".w64", ".tta", ".ts")
    for name in "ab":
        (tmp_path / "mine" / name).mkdir(parents=True)
        for number, suffix in enumerate(suffixes):
            path = tmp_path / "mine" / name / f"{number}{suffix}"
            make(path, *tone(0.5 + 0.1 * (name == "a"), 44_100))
    found = _look(tmp_path / "mine")
    assert len(found.items) == 2 * len(suffixes) and found.passed == {}
    assert all(abs(length - 0.55) < 0.15 for length in found.measured["seconds"])


@pytest.mark.parametrize(("low", "high", "window"), [(0.9, 1.2, 1.0), (2.4, 3.3, 2 * 2**0.5)])
def test_windows_of_another_draw_of_sounds_are_the_same(low, high, window) -> None:
    random = np.random.default_rng(0)
    drawn = [sounds.window_of(random.uniform(low, high, 40)) for _ in range(50)]
    assert drawn == pytest.approx([window] * 50)


@pytest.mark.parametrize(
    ("length", "window"), [(5.0, 5.0), (0.02, 0.1), (12.0, sounds.MOST_SECONDS)]
)
def test_sounds_of_one_length_are_stored_whole(length: float, window: float) -> None:
    assert sounds.window_of([length] * 7) == window
    assert sounds.window_of([length, 1.009 * length]) == pytest.approx(window, rel=0.01)


@pytest.mark.parametrize(
    ("length", "parts"), [(5, [5]), (10, [10]), (14, [10]), (15, [10, 5]), (30, [10] * 3)]
)
def test_windows_follow_each_other_without_a_short_rest(length: int, parts: list[int]) -> None:
    samples = np.arange(length * 100) % 1000
    wav = tf.audio.encode_wav((samples / 32768).astype(np.float32)[:, None], 1000).numpy()
    found = [tf.audio.decode_wav(part)[0].numpy()[:, 0] for part in sounds.windows(wav, 1.0)]
    assert [len(part) // 100 for part in found] == parts
    np.testing.assert_allclose(np.concatenate(found) * 32768, samples[: 100 * sum(parts)], atol=1)


def test_long_sounds_are_at_most_sixteen_windows() -> None:
    wav = tf.audio.encode_wav(np.zeros((30_000, 1), np.float32), 1000).numpy()
    assert len(list(sounds.windows(wav, 1.0))) == sounds.MOST_WINDOWS


def test_channels_are_averaged() -> None:
    stereo = np.stack([np.full(2000, 0.5), np.full(2000, 0.25)], 1).astype(np.float32)
    (part,) = sounds.windows(tf.audio.encode_wav(stereo, 1000).numpy(), 2.0)
    np.testing.assert_allclose(tf.audio.decode_wav(part)[0], np.full((2000, 1), 0.375), atol=1e-4)


def test_several_labels_of_a_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["file,labels"]
    for number in range(12):
        _wav(tmp_path / f"mine/clips/{number}.wav", rng.integers(-9999, 9999, 800))
        rows.append(f"clips/{number}.wav,{'dog;rain' if number % 2 else 'wind'}")
    (tmp_path / "mine/labels.csv").write_text("\n".join(rows))
    found = _look(tmp_path / "mine")
    assert found.labels == ("dog", "rain", "wind") and found.measured["most_labels"] == 2
    for row in _stored(found, tmp_path):
        odd = int(Path(row["file"].decode()).stem) % 2
        assert row["label"].tolist() == ([0, 1] if odd else [2, -1])
    assert 0 < sounds.prevalence(found) <= 1


def test_parts_of_recordings_are_cut_and_stay_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows, wanted = ["file,onset,offset,label"], {}
    for number in range(12):
        samples = rng.integers(-9999, 9999, 8000)
        _wav(tmp_path / f"mine/{number}.wav", samples)
        for start, end, label in ((0, 0.25, "a"), (0.25, 0.5, "b"), (0.75, 1, "a")):
            rows.append(f"{number}.wav,{start},{end},{label}")
            name = f"{number}.wav {start}-{end} s"
            wanted[name] = label, samples[round(8000 * start) : round(8000 * end)]
    (tmp_path / "mine/labels.csv").write_text("\n".join(rows))
    found = _look(tmp_path / "mine")
    assert found.measured["seconds"] == pytest.approx((0.25,) * 3)
    assert "several" not in str(found)  # labels of one content
    held: dict[Path, set[str]] = {}
    for item in found.items:
        held.setdefault(item.source, set()).add(item.split)
    assert all(len(splits) == 1 for splits in held.values())
    stored = _stored(found, tmp_path)
    assert {row["file"].decode() for row in stored} == wanted.keys() and len(stored) == 36
    for row in stored:
        label, samples = wanted[row["file"].decode()]
        assert found.labels[row["label"][0]] == label
        heard = tf.audio.decode_wav(row["audio"])[0][:, 0]
        np.testing.assert_allclose(heard * 32768, samples, atol=1)


def test_a_part_beyond_its_sound_is_refused_unless_the_file_is_that_part() -> None:
    wav = tf.audio.encode_wav(np.linspace(-1, 1, 4000)[:, None], 1000).numpy()
    assert sounds.cut(wav, 58.2, 62.2) == wav
    part = tf.audio.decode_wav(sounds.cut(wav, 1, 4.1))[0][:, 0]  # rounded times
    np.testing.assert_allclose(part, np.linspace(-1, 1, 4000)[1000:], atol=1e-4)
    with pytest.raises(PerceiverError, match="4.00 s long, but a row is about 3 to 5 s of it"):
        sounds.cut(wav, 3, 5)


def test_parts_of_videos_are_refused(tmp_path: Path) -> None:
    _wav(tmp_path / "mine/1.mp4", np.zeros(9))
    _wav(tmp_path / "mine/2.mp4", np.zeros(9))
    (tmp_path / "mine/t.csv").write_text("path,start,end,label\n1.mp4,0,2,a\n2.mp4,2,4.5,b\n")
    with pytest.raises(UsageError, match="ffmpeg -i 1.mp4 -ss 0 -to 2 part.mp4"):
        _look(tmp_path / "mine", frames=2)


def test_the_mean_prevalence_is_that_of_the_test_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 2), ("validation", 2), ("test", 4)):
        for number in range(count):
            label = "ab"[number % 4 == 3] if split == "test" else "ab"[number % 2]
            _wav(tmp_path / f"mine/{split}/{label}/{number}.wav", rng.integers(-99, 99, 800))
    assert sounds.prevalence(_look(tmp_path / "mine")) == pytest.approx((3 / 4 + 1 / 4) / 2)


def test_damaged_and_empty_sounds_are_left_out_by_name(tmp_path: Path) -> None:
    root = own_folders.sounds(tmp_path / "mine")
    (root / "tone/noise.mp3").write_bytes(b"no sound at all" * 20)
    _wav(root / "tone/silent.wav", np.zeros(0))
    (root / "tone/._1.wav").write_bytes(b"\0\5\x16\7")
    (root / "tone/none.wav").write_bytes(b"")
    (root / "tone/folder.wav").mkdir()
    found = _look(root)
    assert found.passed == {"hidden": 1, "empty": 1}
    with pytest.raises(PerceiverError, match="2 of 26 can't be read: "):
        prepare(found, str(tmp_path / "data"))
    assert len(_stored(found, tmp_path, 0.1)) == 24


def test_with_frames_the_windows_of_videos_are_stored(tmp_path: Path) -> None:
    root = own_folders.videos(tmp_path / "mine", frames=5)
    found = _look(root, frames=2)
    rows = _stored(found, tmp_path)
    assert len(rows) == 12  # two windows of two frames each
    assert all(row["frames"].shape == (2, 128, 192, 3) for row in rows)
    assert {found.labels[row["label"][0]] for row in rows} == {"red", "blue"}


def test_a_folder_without_sounds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.txt").write_text("x")
    with pytest.raises(UsageError, match="holds no sounds .* It holds 1 .txt"):
        _look(tmp_path / "mine")
