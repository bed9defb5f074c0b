"""Opening, preparing, fingerprinting: by name, at once, after kills, offline."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data.image import check_image, decode_image
from perceiver_keras.data.store import source
from perceiver_keras.errors import PerceiverError, UsageError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> str:
    return str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def digits(data_dir):
    return source.open_builder("perceiver_digits", data_dir)


def test_our_sets_are_found_and_prepared_on_first_use(digits, data_dir, capsys):
    assert "perceiver_digits" in source.embedded_names()
    assert digits.is_prepared() and str(digits.data_dir).startswith(data_dir)
    assert source.open_builder("perceiver_digits", data_dir).is_prepared()
    assert capsys.readouterr().out == ""  # standard output belongs to the command's own answer


def test_preparing_says_nothing_on_standard_output(tmp_path, capfd):
    source.open_builder("perceiver_digits", str(tmp_path))
    assert capfd.readouterr().out == ""


def test_the_data_folder_is_the_first_that_is_named(monkeypatch):
    for name in ("PERCEIVER_DATA_DIR", "TFDS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert source.data_folder() == os.path.expanduser("~/tensorflow_datasets")
    monkeypatch.setenv("TFDS_DATA_DIR", "/tfds")
    assert source.data_folder() == "/tfds"
    monkeypatch.setenv("PERCEIVER_DATA_DIR", "/ours")
    assert source.data_folder() == "/ours"
    assert source.data_folder("/given") == "/given"


def test_splits_and_parts_of_splits_become_shards(digits):
    whole = source.builder_records(digits, "train")
    assert whole.num_examples == 1349 and whole.compression == ""
    both = source.builder_records(digits, "train[10:30]+test[:50%]")
    assert [(shard.skip, shard.take) for shard in both.shards] == [(10, 20), (0, 134)]
    part = list(source.serialized_examples(digits, "train[10:30]"))
    assert part == list(source.serialized_examples(digits, "train"))[10:30]


def test_stored_records_are_what_the_builder_reads(digits):
    features = digits.info.features
    stored = [features.deserialize_example(x) for x in source.serialized_examples(digits, "test")]
    read = list(digits.as_dataset(split="test", shuffle_files=False))
    assert len(stored) == len(read) == 269
    for one, other in zip(stored[:40], read[:40], strict=True):
        assert bool(tf.reduce_all(one["image"] == other["image"]))
        assert one["label"] == other["label"]


def test_labels_have_names_where_the_set_has_them(digits):
    assert source.label_names(digits) == [str(digit) for digit in range(10)]
    assert source.label_names(digits, "image") is None
    assert source.label_names(digits, "nothing") is None
    unread = source.open_builder("audioset_folder", digits._data_dir_root, prepare=False)
    assert source.label_names(unread, "labels") is None  # its files would say which there are


def test_unknown_names_are_refused_with_the_nearest(digits, data_dir):
    with pytest.raises(UsageError, match="'perceiver_digit'. Did you mean 'perceiver_digits'"):
        source.open_builder("perceiver_digit", data_dir)
    with pytest.raises(UsageError, match="Did you mean 'mnist'"):
        source.open_builder("mnst", data_dir)
    with pytest.raises(UsageError, match="no split 'trian'. Did you mean 'train'"):
        source.builder_records(digits, "trian")
    with pytest.raises(UsageError, match="no split 'train"):
        source.builder_records(digits, "train[:x]")


@pytest.mark.parametrize("name", ["mnist", "imagenet2012", "cifar10:3.0.2"])
def test_a_catalogue_set_that_is_not_here_is_not_fetched_unasked(name, tmp_path):
    with pytest.raises(PerceiverError) as caught:
        source.open_builder(name, str(tmp_path))
    message = str(caught.value)
    assert f"`tfds build {name} --data_dir={tmp_path}`" in message and "\n" not in message
    assert os.listdir(tmp_path) == []
    with pytest.raises(PerceiverError, match="/none, a folder that does not exist"):
        source.open_builder(name, "/none")


def test_a_folder_that_cannot_be_written_is_named():
    with pytest.raises(PerceiverError, match="could not be written to /proc/data"):
        source.open_builder("perceiver_digits", "/proc/data")


@pytest.mark.parametrize("dataset", ["perceiver_digits", "mnist"])
def test_a_folder_of_the_user_s_pictures_is_not_written_into(tmp_path, dataset):
    """Nor is a command offered that would do so."""
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/1.png").write_bytes(b"x")
    with pytest.raises(
        UsageError, match=f"holds 'cat', but no TFDS data set.*add --data {tmp_path}"
    ):
        source.open_builder(dataset, str(tmp_path))
    assert os.listdir(tmp_path) == ["cat"]


def test_a_missing_shard_is_named(tmp_path):
    builder = source.open_builder("perceiver_digits", str(tmp_path))
    (shard,) = source.builder_records(builder, "test").shards
    os.remove(shard.path)
    with pytest.raises(PerceiverError, match="test.tfrecord.* is missing"):
        source.builder_records(builder, "test")


DAMAGES = (b"", b"{", b"\xff", b'{"fileFormat": 3')


@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_description_is_named_and_made_again(digits, tmp_path, content):
    place = tmp_path / "perceiver_digits"
    shutil.copytree(digits.data_dir, place / "1.0.0")
    (place / "1.0.0" / "dataset_info.json").write_bytes(content)
    with pytest.raises(PerceiverError, match="is damaged .*, and it is made again") as told:
        source.open_builder("perceiver_digits", str(tmp_path))
    assert str(place) in str(told.value) and "\n" not in str(told.value)
    shutil.rmtree(place)
    assert source.open_builder("perceiver_digits", str(tmp_path)).is_prepared()


@pytest.mark.parametrize("file", ["dataset_info.json", "features.json"])
@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_description_of_own_data_is_named(digits, tmp_path, file, content):
    place = tmp_path / source.OWN.rstrip("/") / "mine" / "1.0.0"
    shutil.copytree(digits.data_dir, place)
    (place / file).write_bytes(content)
    with pytest.raises(PerceiverError, match=f"{place}: .* is damaged .*--data PATH"):
        source.open_builder(f"{source.OWN}mine", str(tmp_path))


@pytest.mark.parametrize("name, channels, labels", [("mnist", 1, 10), ("imagenet2012", 3, 1000)])
def test_catalogue_sets_go_through_the_same_code(name, channels, labels, tmp_path):
    """With a catalogue set's metadata on disk, `mock_data` makes examples of its features."""
    made = tfds.builder(name, data_dir=str(tmp_path))
    template = tfds.core.ShardedFileTemplate(
        data_dir=made.data_dir, dataset_name=name, split="train", filetype_suffix="tfrecord"
    )
    train = tfds.core.SplitInfo(
        name="train", shard_lengths=[3], num_bytes=9, filename_template=template
    )
    made.info.set_splits(tfds.core.SplitDict([train]))
    os.makedirs(made.data_dir)
    made.info.write_to_directory(made.data_dir)
    with tfds.testing.mock_data(num_examples=3, data_dir=str(tmp_path)):
        builder = source.open_builder(name, str(tmp_path))
        examples = list(source.serialized_examples(builder, "train"))
        fingerprint = source.fingerprint(builder, ["train"])
        assert fingerprint == source.fingerprint(builder, ["train"])
        with pytest.raises(PerceiverError, match="is missing"):
            source.builder_records(builder, "train")
    assert len(source.label_names(builder)) == labels
    assert len(examples) == 3
    for example in examples:
        features = tf.train.Example.FromString(example).features.feature
        encoded = features["image"].bytes_list.value[0]
        assert check_image(encoded) is None
        assert decode_image(encoded, channels).shape[-1] == channels
        assert 0 <= features["label"].int64_list.value[0] < labels


# === Fingerprints ===


def _copy(data_dir: str, to: Path):
    shutil.copytree(data_dir, to)
    return source.open_builder("perceiver_digits", str(to))


def test_fingerprint_is_of_the_content(digits, data_dir, tmp_path):
    here = source.fingerprint(digits, ["train", "test"])
    assert here == source.fingerprint(digits, ["train", "test"])
    assert here == source.fingerprint(_copy(data_dir, tmp_path / "copy"), ["train", "test"])
    assert here != source.fingerprint(digits, ["train"])
    assert here != source.fingerprint(digits, ["train[:100]", "test"])
    assert source.fingerprint(digits, {"a": "train"}) != source.fingerprint(digits, {"b": "train"})


@pytest.mark.parametrize("limit", [1 << 30, 0], ids=["whole", "sampled"])
def test_a_rewrite_of_the_same_size_at_once_changes_it(data_dir, tmp_path, monkeypatch, limit):
    """TFX's own fingerprint is count, bytes and whole seconds: it would not see this."""
    monkeypatch.setattr(source, "_FULL_HASH_LIMIT", limit)
    builder = _copy(data_dir, tmp_path / "copy")
    (shard,) = source.builder_records(builder, "train").shards
    before, stat = source.fingerprint(builder, ["train"]), os.stat(shard.path)
    content = bytearray(Path(shard.path).read_bytes())
    content[len(content) // 2] ^= 1
    Path(shard.path).write_bytes(content)
    assert os.stat(shard.path).st_size == stat.st_size
    assert source.fingerprint(builder, ["train"]) != before
    if limit:  # every byte counts, whatever the clock says
        os.utime(shard.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert source.fingerprint(builder, ["train"]) != before


def test_preparing_twice_gives_the_same_examples_in_the_same_order(digits, tmp_path):
    """The bytes differ: TFDS writes an example's features in an order left to chance."""
    again = source.open_builder("perceiver_digits", str(tmp_path))
    for split in ("train", "validation", "test"):
        one, other = (
            [tf.train.Example.FromString(x) for x in source.serialized_examples(builder, split)]
            for builder in (digits, again)
        )
        assert one == other


# === Two at once, and after a kill ===

_OPEN = """
import sys
from perceiver_keras.data.store import source
print("ready", flush=True)
sys.stdin.readline()
print(source.builder_records(source.open_builder("perceiver_digits", sys.argv[1]), "train"))
"""


def _opener(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", _OPEN, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_at_once_after_one_was_killed(tmp_path):
    folder = tmp_path / "data"
    killed = _opener(folder)
    others = [_opener(folder), _opener(folder)]
    try:
        for process in [killed, *others]:
            assert process.stdout.readline() == "ready\n"
        killed.stdin.write("\n")
        killed.stdin.flush()
        version = folder / "perceiver_digits"
        deadline = time.monotonic() + 60
        while not list(version.glob("incomplete.*")) and time.monotonic() < deadline:
            time.sleep(0.001)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert not (version / "1.0.0").exists(), "killed too late to mean anything"
        assert list(version.glob("incomplete.*"))
        answers = []
        for process in others:
            process.stdin.write("\n")
            process.stdin.flush()
        for process in others:
            out, error = process.communicate(timeout=120)
            assert process.returncode == 0, error[-2000:]
            answers.append(out)
    finally:
        for process in [killed, *others]:
            process.kill()
    assert answers[0] == answers[1] and "take=1349" in answers[0]
    assert sorted(os.listdir(folder / "perceiver_digits")) == ["1.0.0"]


def test_a_full_disk_is_that_of_the_data_folder(small_disk):
    folder = small_disk / "data"
    (small_disk / "ballast").write_bytes(bytes(1_000_000))
    with pytest.raises(PerceiverError, match=f"^{folder}: no space left on the disk. Free some"):
        source.open_builder("perceiver_digits", str(folder))
    (small_disk / "ballast").unlink()
    assert source.open_builder("perceiver_digits", str(folder)).is_prepared()
