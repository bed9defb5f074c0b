"""Small frame pairs with exact flow, rendered from photographs: no download, no network."""

from __future__ import annotations

import io
from collections.abc import Iterator

import tensorflow as tf
import tensorflow_datasets as tfds

SIZE = (24, 36)
PAIRS = {"train": 4096, "validation": 256, "test": 512}
SEEDS = {"train": 1, "validation": 2, "test": 3}
_PICTURES = ("frame1", "frame2", "valid", "occluded")


class Builder(tfds.core.GeneratorBasedBuilder):
    """4,864 pairs of 24x36 frames; motions of up to about two pixels."""

    # Each name is that of a SceneConfig in perceiver_keras.data.scenes.config, in lower case.
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="tiny", description="Motion only."),
        tfds.core.BuilderConfig(
            name="camera", description="With motion blur, fog, changes of light, and noise."
        ),
    ]
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}

    def _info(self) -> tfds.core.DatasetInfo:
        colour = tfds.features.Image(shape=(*SIZE, 3), encoding_format="png")
        mask = tfds.features.Image(shape=(*SIZE, 1), encoding_format="png")
        flow = tfds.features.Tensor(
            shape=(*SIZE, 2), dtype=tf.float32, encoding=tfds.features.Encoding.BYTES
        )
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "frame1": colour,
                    "frame2": colour,
                    "flow": flow,
                    "valid": mask,
                    "occluded": mask,
                }
            ),
            homepage="https://autoflow-google.github.io",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {split: self._generate_examples(split) for split in PAIRS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        # Imported here, so that the prepared data set can be read without what renders it.
        from perceiver_keras.data.scenes import config as scenes
        from perceiver_keras.data.scenes.draw import render_pairs
        from perceiver_keras.data.scenes.photographs import photographs
        from perceiver_keras.data.untuned import threads, untuned

        def encode(pair: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return pair | {name: tf.io.encode_png(pair[name]) for name in _PICTURES}

        config = getattr(scenes, self.builder_config.name.upper())
        pairs = render_pairs(photographs(split), config, SIZE, SEEDS[split])
        pairs = untuned(pairs.take(PAIRS[split]).map(encode, num_parallel_calls=threads()))
        for row, pair in enumerate(pairs.as_numpy_iterator()):
            yield row, pair | {name: io.BytesIO(pair[name]) for name in _PICTURES}
