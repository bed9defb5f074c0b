"""Videos with and without classes, as windows of frames and sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data.own import videos
from perceiver_keras.data.own.found import Place
from perceiver_keras.data.own.prepare import prepare
from perceiver_keras.data.store import source
from perceiver_keras.data.video import clips
from perceiver_keras.errors import PerceiverError, UsageError
from tests import own_folders


def _look(path: Path, frames: int = 4):
    options = {"frames": frames}
    return videos.look(Place(given=path, root=path, store=path.parent / "store", options=options))


def _stored(found, tmp_path: Path, share: float = 0.0) -> list[dict]:
    prepare(found, str(tmp_path / "data"), share)
    builder = source.open_builder(found.dataset, str(tmp_path / "data"))
    return [
        row for split in builder.info.splits for row in tfds.as_numpy(builder.as_dataset(split))
    ]


def test_windows_with_their_classes_and_sound(tmp_path: Path) -> None:
    found = _look(own_folders.videos(tmp_path / "mine"))
    assert found.labels == ("blue", "red") and found.measured["size"] == (128, 192)
    assert found.measured["sound"] and found.measured["seconds"] == pytest.approx(0.32)
    rows = _stored(found, tmp_path)
    assert len(rows) == 12
    for row in rows:
        label = found.labels[row["label"]]
        assert row["file"].decode().startswith(f"{label}/")
        corner = row["frames"][:, -2:, :, :].astype(float).mean((0, 1, 2))  # below the square
        assert corner.argmax() == {"red": 0, "blue": 2}[label]
        samples, rate = tf.audio.decode_wav(row["audio"])
        assert rate == 48_000 and samples.shape == (4 * 1920, 1)
        spectrum = np.abs(np.fft.rfft(samples[:, 0]))
        assert spectrum.argmax() * 48_000 / 7680 == pytest.approx(
            {"red": 300, "blue": 900}[label], abs=20
        )


def test_loose_videos_have_no_classes(tmp_path: Path) -> None:
    found = _look(own_folders.videos(tmp_path / "mine", labelled=False))
    assert found.labels == (videos.NO_CLASS,)
    assert {int(row["label"]) for row in _stored(found, tmp_path)} == {0}
    assert {item.split for item in found.items} == {"train", "validation", "test"}


def test_trivial_guesses_are_measured_on_the_pixels(tmp_path: Path) -> None:
    """Videos of one brightness each: the error of their mean is their variance."""
    levels = (0.2, 0.4, 0.6, 0.8)
    for number, level in enumerate(levels):
        path = tmp_path / "mine" / f"{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(clips.to_mp4(np.full((3, 16, 16, 3), level)))
    measured = _look(tmp_path / "mine").measured
    assert measured["video_psnr"] == pytest.approx(-10 * np.log10(np.var(levels)), abs=0.3)
    assert measured["audio_psnr"] is None and not measured["sound"]


def test_a_longer_video_is_not_said_to_be_two_seconds_long(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for number in range(3):
        pixels = np.full((60, 16, 16, 3), 0.2 + number / 5)
        (tmp_path / "mine" / f"{number}.mp4").write_bytes(clips.to_mp4(pixels))
    assert "2.0 s or more, silent" in dict(_look(tmp_path / "mine").facts)["videos"]


def test_a_cut_video_is_left_out_by_name(tmp_path: Path) -> None:
    root = own_folders.videos(tmp_path / "mine")
    whole = (root / "red/0.mp4").read_bytes()
    (root / "red/cut.mp4").write_bytes(whole[: len(whole) // 2])
    (root / ".ipynb_checkpoints").mkdir()
    (root / ".ipynb_checkpoints/0.mp4").write_bytes(whole)
    (root / "folder.mp4").mkdir()
    found = _look(root)
    assert found.labels == ("blue", "red")
    with pytest.raises(PerceiverError, match="1 of 7 can't be read: red/cut.mp4 "):
        prepare(found, str(tmp_path / "data"))
    assert len(_stored(found, tmp_path, 0.2)) == 12


def test_kinetics_s_table_names_videos_by_id_and_times(tmp_path: Path) -> None:
    own_folders.videos(tmp_path / "flat", labelled=False)
    rows = ["label,youtube_id,time_start,time_end,split,is_cc"]
    for number, path in enumerate(sorted((tmp_path / "flat").glob("*.mp4"))):
        target = tmp_path / f"mine/id{number}_{number:06d}_{number + 10:06d}.mp4"
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
        split = ("train", "train", "train", "train", "val", "test")[number]
        rows.append(f"{('run', 'sit')[number % 2]},id{number},{number},{number + 10},{split},0")
    (tmp_path / "mine/kinetics.csv").write_text("\n".join(rows))
    found = _look(tmp_path / "mine")
    assert found.labels == ("run", "sit")
    assert [len(found.in_split(s)) for s in ("train", "validation", "test")] == [4, 1, 1]


def test_no_video_that_can_be_decoded_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for number in range(4):
        (tmp_path / "mine" / f"{number}.mp4").write_bytes(b"no video %d" % number)
    with pytest.raises(PerceiverError, match="None of 4 videos that were tried can be decoded"):
        _look(tmp_path / "mine")
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="holds no videos"):
        _look(tmp_path / "none")


def test_parts_of_videos_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    for name in ("1.mp4", "2.mp4"):
        (root / name).write_bytes(b"x")
    (root / "t.csv").write_text("path,start,end,label\n1.mp4,0,2,a\n1.mp4,2,4.5,b\n2.mp4,1,2,a\n")
    place = Place(given=root, root=root, store=tmp_path / "store", options={"frames": 2})
    with pytest.raises(UsageError, match="Cut them first .*ffmpeg -i 1.mp4 -ss 0 -to 2 part.mp4"):
        videos.look(place)
