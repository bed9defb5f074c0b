"""ImageNet in small: the official crop and the accuracies, calculated a second time in NumPy."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

import perceiver_keras as pk
from perceiver_keras import reproduce
from perceiver_keras.data import imagenet
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.image_classification import benchmark

SIDE = 24
SIZES = [(50, 71), (64, 40), (33, 33), (29, 90), (81, 57)]
RNG = np.random.default_rng(3)


def jpeg(size, **kwargs):
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)).save(file, "JPEG", **kwargs)
    return file.getvalue()


def weights(output: int, inputs: int, crop: float) -> np.ndarray:
    """[output, inputs] of Keys's bicubic kernel (a = -0.5), half-pixel centres, without anti-aliasing."""
    centres = (np.arange(output) + 0.5) * crop / output - 0.5
    distance = np.abs(centres[:, None] - np.arange(inputs)[None])
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    table = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    return table / table.sum(1, keepdims=True)


def prepared(encoded: bytes) -> np.ndarray:
    """The picture of the official test recipe, from its words alone, but for TensorFlow's decoder with its fast DCT."""
    pixels = tf.io.decode_jpeg(encoded, channels=3).numpy().astype(np.float64)
    height, width = pixels.shape[:2]
    side = int(SIDE / (SIDE + 32) * min(height, width))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    square = pixels[top : top + side, left : left + side]
    table = weights(SIDE, side, side)
    small = np.einsum("ij,jkc,lk->ilc", table, square, table)
    return (small / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


@pytest.fixture(scope="module")
def model():
    return pk.ImageClassifier.from_preset(
        "tiny", num_classes=1000, image_size=(SIDE, SIDE), channels=3
    )


@pytest.fixture
def config(model):
    from perceiver_keras.config_tree import merge

    data = {"mean": imagenet_mean(), "std": imagenet_std()}
    return merge(model.task_config, {"data": data})


def imagenet_mean():
    return [0.485 * 255, 0.456 * 255, 0.406 * 255]


def imagenet_std():
    return [0.229 * 255, 0.224 * 255, 0.225 * 255]


@pytest.fixture(scope="module")
def pictures():
    """Official name -> JPEG; one with an EXIF tag that the released code does not follow."""
    turned = Image.Exif()
    turned[0x0112] = 6
    content = [jpeg(size, quality=95) for size in SIZES] + [jpeg((40, 60), quality=95, exif=turned)]
    return {f"ILSVRC2012_val_{i:08}": one for i, one in enumerate(content, 1)}


def expected(model, pictures, labels):
    """[pictures, 3]: top-1, top-5, nats."""
    rows = []
    for encoded, label in zip(pictures, labels, strict=True):
        logits = np.asarray(model(prepared(encoded)[None].astype(np.float32)))[0].astype(np.float64)
        order = np.argsort(-logits)
        nats = np.log(np.exp(logits - logits[label]).sum())
        rows.append([order[0] == label, label in order[:5], nats])
    return np.array(rows, np.float64)


def test_top_1_and_top_5_are_those_of_a_second_calculation(tmp_path, model, config, pictures):
    best = [
        int(np.argmax(model(prepared(one)[None].astype(np.float32)))) for one in pictures.values()
    ]
    labels = [best[0], best[1], *(place % 1000 for place in range(7, 11))]  # some right, some wrong
    for name, content in pictures.items():
        (tmp_path / f"{name}.JPEG").write_bytes(content)
    lines = (f"{name}.JPEG {label}\n" for name, label in zip(pictures, labels, strict=True))
    (tmp_path / "val.txt").write_text("".join(lines))
    row = reproduce.get("imagenet-fourier")
    whole = reproduce.reproduce(
        row,
        row.open(tmp_path, {}),
        lambda: (registry.get(row.task), model, config),
        tmp_path / "record.json",
        weights={"given": "random", "sha256": "0"},
        options={},
    )
    wanted = expected(model, pictures.values(), labels)
    means = dict(zip(benchmark.METRICS, wanted.mean(0), strict=True))
    assert whole["measured"] == pytest.approx(means, rel=3e-4)
    assert 2 / 6 <= whole["measured"]["accuracy"] < 1
    synset = imagenet.synsets()[labels[3]]
    (name,) = (name for name in whole["groups"] if name.startswith(synset))
    own = wanted[[label == labels[3] for label in labels]].mean(0)
    assert whole["groups"][name] == pytest.approx(
        dict(zip(benchmark.METRICS, own, strict=True)), rel=3e-4
    )
    assert whole["num_examples"] == 6 and "num_classes" not in whole["differs"]
    assert "image_size" in whole["differs"]


def test_tfds_s_imagenet_is_read_by_its_places(tmp_path, monkeypatch, pictures):
    """Resumed in the middle, the same pictures come."""
    content = list(pictures.values())

    # Unregistered: TFDS's own builder of this name may be loaded already.
    class Imagenet2012(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("5.1.0")
        name = "imagenet2012"

        def _info(self):
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(encoding_format="jpeg"),
                        "label": tfds.features.ClassLabel(num_classes=1000),
                        "file_name": tfds.features.Text(),
                    }
                )
            )

        def _split_generators(self, manager):
            return {"validation": self._generate_examples()}

        def _generate_examples(self):
            for i, one in enumerate(content * 3):
                yield i, {"image": io.BytesIO(one), "label": i, "file_name": str(i)}

    Imagenet2012(data_dir=str(tmp_path)).download_and_prepare(
        download_config=tfds.download.DownloadConfig(num_shards=3)
    )
    monkeypatch.setattr(
        benchmark.source,
        "open_builder",
        lambda name, folder: tfds.builder_from_directory(f"{folder}/{name}/5.1.0"),
    )
    for place in (tmp_path, tmp_path / "imagenet2012"):
        protocol = benchmark.open_benchmark("imagenet-conv", place, {})
        assert len(protocol.keys) == 18
    whole = list(protocol._pictures.read(protocol.keys))
    assert sorted(label for _, label in whole) == list(range(18))
    assert [one for one, _ in whole] == [content[label % 6] for _, label in whole]
    again = benchmark.open_benchmark("imagenet-conv", tmp_path, {})._pictures
    assert list(again.read(protocol.keys[5:9])) + list(again.read(protocol.keys[9:])) == whole[5:]


def test_other_classes_and_damaged_pictures_are_refused(tmp_path, config, model):
    (tmp_path / "ILSVRC2012_val_00000001.JPEG").write_bytes(jpeg((40, 40))[:200])
    protocol = benchmark.open_benchmark("imagenet-conv", tmp_path, {})
    with pytest.raises(PerceiverError, match="ILSVRC2012_val_00000001 can't be decoded"):
        protocol.rows(model, config, protocol.keys)
    tiny = pk.ImageClassifier.from_preset("tiny")
    with pytest.raises(UsageError, match="know 10 classes; ImageNet has 1000"):
        protocol.rows(tiny, tiny.task_config, protocol.keys)
