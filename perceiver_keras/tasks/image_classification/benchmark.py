"""ImageNet's top-1 and top-5 by the official protocol: the central crop of 224/256 of the short side, bicubic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow import keras

from perceiver_keras.data import image, imagenet
from perceiver_keras.data.store import source
from perceiver_keras.data.untuned import untuned
from perceiver_keras.errors import PerceiverError, UsageError, first_line
from perceiver_keras.metrics.columns import ColumnMetric, ColumnRatio
from perceiver_keras.tasks.image_classification.presets import ImageClassificationConfig

METRICS = ("accuracy", "top_5_accuracy", "cross_entropy")
LABEL = len(METRICS) + 1  # the column after the count


def open_benchmark(name: str, data: Path, options: Mapping[str, str]) -> ImageNetBenchmark:
    """The validation pictures in a folder, or TFDS's `imagenet2012` in a folder of data sets.

    Raises:
      UsageError: the folder has neither.
    """
    if any(data.glob("imagenet2012/*/dataset_info.json")):
        return ImageNetBenchmark(StoredPictures(data))
    if any(data.glob("*/dataset_info.json")) and data.name == "imagenet2012":
        return ImageNetBenchmark(StoredPictures(data.parent))
    return ImageNetBenchmark(PictureFiles(imagenet.find(data)))


class ImageNetBenchmark:
    """A `reproduce.Protocol`. Rows are top-1, top-5 (0 or 1), the cross-entropy in nats, 1, and the class."""

    at_once = 16

    def __init__(self, pictures: PictureFiles | StoredPictures):
        self._pictures = pictures
        self.keys = pictures.keys

    def rows(
        self, model: keras.Model, config: ImageClassificationConfig, keys: Sequence[str]
    ) -> np.ndarray:
        """[len(keys), 5].

        Raises:
          PerceiverError: a picture can't be decoded.
          UsageError: the model has other classes.
        """
        if config.model.num_classes != len(imagenet.synsets()):
            raise UsageError(
                f"The weights know {config.model.num_classes} classes; ImageNet has {len(imagenet.synsets())}."
            )
        encoded, labels = zip(*self._pictures.read(keys), strict=True)
        inputs = tf.stack([self._input(*pair, config) for pair in zip(encoded, keys, strict=True)])
        logits = tf.cast(model.predict_on_batch(inputs), tf.float32)
        return columns(np.array(labels), logits).numpy()

    def group(self, key: str) -> str:
        """Not known before a picture is read: `parts` goes by the rows."""
        return ""

    def column_metrics(self, config: ImageClassificationConfig) -> list[ColumnMetric]:
        return [ColumnRatio(i, len(METRICS), name) for i, name in enumerate(METRICS)]

    def parts(
        self, config: ImageClassificationConfig, rows: Mapping[str, Sequence[float]]
    ) -> dict[str, dict[str, float]]:
        """The metrics of each class, by its synset and name."""
        table = np.array(list(rows.values()), np.float64)
        names = imagenet.class_names()
        found = {}
        for label in np.unique(table[:, LABEL]).astype(int):
            means = table[table[:, LABEL] == label][:, : len(METRICS)].mean(0)
            found[f"{imagenet.synsets()[label]} {names[label]}"] = dict(
                zip(METRICS, means.tolist(), strict=True)
            )
        return found

    def _input(self, encoded: bytes, key: str, config: ImageClassificationConfig) -> tf.Tensor:
        """As the released code prepares a test picture; it does not turn pictures by their EXIF tag."""
        m = config.model
        try:
            if tf.io.is_jpeg(encoded):
                pixels = tf.io.decode_jpeg(encoded, channels=m.channels)
            else:
                pixels = image.decode_image(tf.constant(encoded), m.channels)
        except tf.errors.InvalidArgumentError as error:
            raise PerceiverError(f"{key} can't be decoded: {first_line(error)}") from None
        crop = image.central_crop(pixels, m.image_size[0])
        return image.normalise(crop, config.data.mean, config.data.std)


def columns(labels: np.ndarray, logits: tf.Tensor) -> tf.Tensor:
    """Classes [B] and logits [B, C] -> float32 [B, 5]."""
    labels = tf.cast(labels, tf.int32)
    top_1 = tf.argmax(logits, axis=-1, output_type=tf.int32) == labels
    top_5 = tf.math.in_top_k(labels, logits, min(5, logits.shape[-1]))
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    parts = (top_1, top_5, nats, tf.ones_like(nats), labels)
    return tf.stack([tf.cast(part, tf.float32) for part in parts], axis=-1)


class PictureFiles:
    """Pictures in a folder; keys are their names."""

    def __init__(self, pictures: Sequence[imagenet.Picture]):
        self._pictures = {picture.name: picture for picture in pictures}
        self.keys = list(self._pictures)

    def read(self, keys: Sequence[str]) -> Iterator[tuple[bytes, int]]:
        for key in keys:
            picture = self._pictures[key]
            yield picture.path.read_bytes(), picture.label


class StoredPictures:
    """The validation split that TFDS has stored; keys are places in it, which are read in order."""

    def __init__(self, data_dir: Path):
        self._builder = source.open_builder("imagenet2012", str(data_dir))
        self._count = self._builder.info.splits["validation"].num_examples
        self.keys = [f"{place:05}" for place in range(self._count)]
        self._next, self._examples = -1, iter(())

    def read(self, keys: Sequence[str]) -> Iterator[tuple[bytes, int]]:
        for key in keys:
            if int(key) != self._next:
                self._next, self._examples = int(key), self._from(int(key))
            example = next(self._examples)
            self._next += 1
            yield example["image"], int(example["label"])

    def _from(self, place: int) -> Iterator[Mapping[str, Any]]:
        # One shard after the other: only so is a place in a part of the split a place in the whole of it.
        dataset = self._builder.as_dataset(
            split=f"validation[{place}:]",
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(interleave_cycle_length=1),
        )
        return iter(tfds.as_numpy(untuned(dataset)))
