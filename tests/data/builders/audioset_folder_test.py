"""AudioSet from its own CSV files and the clips that lie beside them."""

import numpy as np
import pytest
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.audioset_folder import (
    audioset_folder_dataset_builder as audioset,
)
from perceiver_keras.data.store import source
from perceiver_keras.data.video import clips
from perceiver_keras.errors import PerceiverError, UsageError

SEGMENTS = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n# num_ytids=2\n"
    '# YTID, start_seconds, end_seconds, positive_labels\n--4gqARaEJE, 0.000, 10.000, "/m/068hy,/m/07q6cd_"\n'
    '-0DdlOuIFUI, 50.000, 60.000, "/m/0k4j"\n'
)
NAMES = (
    "index,mid,display_name\n"
    '1,/m/0k4j,"Car, automobile"\n0,/m/068hy,"Domestic animals, pets"\n2,/m/07q6cd_,Squeak\n'
)


def test_audioset_s_own_files_are_read(tmp_path):
    path = tmp_path / "segments.csv"
    path.write_text(SEGMENTS)
    assert list(audioset.segments(path)) == [
        ("--4gqARaEJE", ["/m/068hy", "/m/07q6cd_"]),
        ("-0DdlOuIFUI", ["/m/0k4j"]),
    ]
    assert list(audioset.segments(tmp_path / "none.csv")) == []


def test_clips_get_all_their_labels_by_the_names_index(tmp_path):
    """Of two segments one has a clip; of two clips one has a segment."""
    root = tmp_path / "downloads" / "manual" / "audioset_folder"
    (root / "clips").mkdir(parents=True)
    builder = audioset.Builder(data_dir=str(tmp_path))
    with pytest.raises(UsageError, match="lacks class_labels_indices.csv"):
        builder.download_and_prepare()
    (root / audioset.NAMES).write_text(NAMES)
    with pytest.raises(UsageError, match="no clip in clips/ is named in"):
        audioset.Builder(data_dir=str(tmp_path)).download_and_prepare()
    (root / "balanced_train_segments.csv").write_text(SEGMENTS)
    video = clips.to_mp4(np.full((3, 16, 16, 3), 0.5))
    for name in ("--4gqARaEJE", "unknown"):
        (root / "clips" / f"{name}.mp4").write_bytes(video)
    audioset.Builder(data_dir=str(tmp_path)).download_and_prepare()
    builder = audioset.Builder(data_dir=str(tmp_path))  # as it is found the next time
    assert source.label_names(builder) == ["Domestic animals, pets", "Car, automobile", "Squeak"]
    assert list(builder.info.splits) == ["train"]
    (example,) = tfds.as_numpy(builder.as_dataset(split="train"))
    assert example["label"].tolist() == [0, 2] + [-1] * 14
    assert len(example["frames"]) == 250  # ten seconds, filled up with the last frame


def test_a_broken_clip_is_left_out_and_left_overs_are_no_clips(tmp_path):
    root = tmp_path / "manual" / "audioset_folder"
    (root / "clips").mkdir(parents=True)
    (root / audioset.NAMES).write_text(NAMES)
    for name in ("balanced_train", "eval"):
        (root / f"{name}_segments.csv").write_text(SEGMENTS)
    video = clips.to_mp4(np.full((3, 16, 16, 3), 0.5))
    (root / "clips/--4gqARaEJE.mp4").write_bytes(video)
    (root / "clips/-0DdlOuIFUI.mp4").write_bytes(video[:200])
    (root / "clips/--4gqARaEJE.tmp").write_bytes(b"x")
    (root / "clips/.--4gqARaEJE.mp4").write_bytes(b"x")
    (root / "clips/-0DdlOuIFUI.webm").mkdir()
    with pytest.raises(PerceiverError, match=r"clips/-0DdlOuIFUI.mp4 \(.*max_corrupt_share"):
        source.open_builder("audioset_folder", str(tmp_path))
    builder = source.open_builder("audioset_folder", str(tmp_path), max_corrupt_share=0.5)
    for split in ("train", "test"):
        (example,) = tfds.as_numpy(builder.as_dataset(split=split))
        assert example["label"].tolist() == [0, 2] + [-1] * 14
