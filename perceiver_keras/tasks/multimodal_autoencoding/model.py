"""The autoencoder of clips (paper, section 4.3).

Inputs: {"image": frames [B, T, H, W, 3] in [0, 1], "audio": samples [B, S, 1] in [-1, 1], "label": one-hot
[B, classes]}; outputs have the same three: "image" [B, T, H, W, 3], "audio" [B, S], "label" logits [B, classes].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow import keras

from perceiver_keras.autograph import unconverted
from perceiver_keras.config import FourierPosition
from perceiver_keras.layers.chunked import map_chunks
from perceiver_keras.layers.linear import build_part
from perceiver_keras.layers.xla import fused
from perceiver_keras.perceiver_io_checks import whole
from perceiver_keras.postprocess.audio import AudioPostprocess
from perceiver_keras.postprocess.classification import ClassificationPostprocess
from perceiver_keras.postprocess.multimodal import MultimodalPostprocess
from perceiver_keras.postprocess.video import VideoPostprocess
from perceiver_keras.preprocess.audio import AudioPreprocess
from perceiver_keras.preprocess.label import LabelPreprocess
from perceiver_keras.preprocess.multimodal import MultimodalPreprocess
from perceiver_keras.preprocess.video import VideoPreprocess
from perceiver_keras.query import LearnedQuery, MultimodalQuery, PositionQuery
from perceiver_keras.tasks.model import TaskModel
from perceiver_keras.tasks.multimodal_autoencoding.presets import MultimodalAutoencoderConfig
from perceiver_keras.tasks.shared.clips import TAKES, is_clip, to_clip
from perceiver_keras.tasks.shared.inputs import answer_each
from perceiver_keras.tasks.shared.labels import top_labels


@keras.saving.register_keras_serializable(package="perceiver_keras")
class MultimodalAutoencoder(TaskModel):
    """Perceiver IO for clips with sound and label, all reconstructed from the same latents.

    `points` {"image": flat pixel indices [P] or [B, P], "audio": patch indices likewise} asks for some outputs only;
    inputs may also carry it as "points", next to the modalities, as they do in training. The queries for all outputs
    of a clip do not fit in memory at once, so outside training they are decoded in chunks from one encode, one
    modality after the other.
    """

    task_name = "multimodal_autoencoding"
    free_axes = slice(0)
    config_class = MultimodalAutoencoderConfig
    heads = ("postprocess/label/", "preprocess/label_padding")
    head_settings = ("num_classes",)

    def __init__(self, config: MultimodalAutoencoderConfig, **kwargs: Any):
        clip = (config.num_frames, *config.image_size)
        patches = config.audio_samples // config.samples_per_patch
        grid = (config.num_frames, *(side // config.image_patch for side in config.image_size))
        space_time = FourierPosition(
            num_bands=config.image_bands,
            max_resolution=grid,
            arithmetic=config.position_arithmetic,
        )
        # In samples, not patches, as in the official code.
        time = FourierPosition(
            num_bands=config.audio_bands,
            max_resolution=(config.audio_samples,),
            arithmetic=config.position_arithmetic,
        )
        super().__init__(
            config,
            preprocess=MultimodalPreprocess(
                modalities={
                    "audio": AudioPreprocess(
                        samples_per_patch=config.samples_per_patch, position=time
                    ),
                    "image": VideoPreprocess(spatial_patch=config.image_patch, position=space_time),
                    "label": LabelPreprocess(),
                },
                min_padding_size=config.input_padding,
                mask_probs=config.mask_probs,
                inference_mask_probs=config.inference_mask_probs,
                name="preprocess",
            ),
            query=MultimodalQuery(
                modalities={
                    "audio": PositionQuery(grid=(patches,), position=time),
                    "image": PositionQuery(grid=clip, position=space_time),
                    "label": LearnedQuery(channels=config.label_query_dim),
                },
                min_padding_size=config.query_padding,
                name="query",
            ),
            postprocess=MultimodalPostprocess(
                modalities={
                    "audio": AudioPostprocess(samples_per_patch=config.samples_per_patch),
                    "image": VideoPostprocess(grid=clip, output_dim=config.channels),
                    "label": ClassificationPostprocess(num_classes=config.num_classes),
                },
                sizes={"audio": patches, "image": clip[0] * clip[1] * clip[2], "label": 1},
                name="postprocess",
            ),
            **kwargs,
        )

    @classmethod
    def kept(
        cls, config: MultimodalAutoencoderConfig, start: MultimodalAutoencoderConfig
    ) -> dict[str, Any]:
        """A label has as many channels as classes: with other classes, more padding keeps the array's channels."""
        channels = widest(start) + start.input_padding
        return {"input_padding": channels - widest(config)} if channels > widest(config) else {}

    @unconverted
    def call(
        self,
        inputs: Mapping[str, tf.Tensor],
        mask: tf.Tensor | None = None,
        query_mask: tf.Tensor | None = None,
        points: Mapping[str, tf.Tensor] | None = None,
        training: bool | None = None,
        return_attention: bool = False,
    ) -> Any:
        points = inputs.get("points") if points is None else points
        trains = training is not None and training is not False
        if trains or query_mask is not None or return_attention:
            return super().call(
                inputs,
                mask=mask,
                query_mask=query_mask,
                points=points,
                training=training,
                return_attention=return_attention,
            )
        array, latents, _ = self.read(inputs, mask, training=training, return_attention=False)
        # Below, only their parts are called, so the wholes would never build themselves.
        build_part(self.query, array.shape)
        build_part(self.postprocess, (None, None, self.config.decode.output_dim))
        return {
            name: self._decode(name, array, latents, (points or {}).get(name))
            for name in self.query.modalities
        }

    def _decode(
        self, name: str, array: tf.Tensor, latents: tf.Tensor, points: tf.Tensor | None
    ) -> tf.Tensor:
        """The outputs of one modality, in chunks if the queries exceed the memory budget."""
        query, post = self.query.modalities[name], self.postprocess.modalities[name]
        points = None if points is None else tf.convert_to_tensor(points)
        count = query.num_queries if points is None else points.shape[-1]
        shape = self.query.compute_output_shape(array.shape)
        queries = tf.TensorShape([array.shape[0], count, shape[-1]])
        chunk = self.decode.chunk(queries, latents.shape[1])
        if chunk is None or count == 1:  # as the label is
            asked = self.query.of(name, array, points)
            return post(self.decode((asked, latents)), points=points)
        build_part(self.decode, (queries, latents.shape))
        memory = self.decode.memory_of(
            latents, count, then=post.linear, padding=self.query.paddings[name]
        )
        places = tf.range(count) if points is None else points
        own = places.shape.rank == 2

        def decode(some: tf.Tensor) -> tf.Tensor:
            asked = query(array, points=some if own else some[0])
            return tf.cast(self.decode.query_memory(asked, memory), tf.float32)

        outputs = map_chunks(fused(decode), [places if own else places[None]], chunk)
        return post.finish(outputs, points)

    def symbolic_inputs(self) -> Any:
        c = self.config
        return {
            "image": keras.Input([c.num_frames, *c.image_size, c.channels], name="image"),
            "audio": keras.Input([c.audio_samples, 1], name="audio"),
            "label": keras.Input([c.num_classes], name="label"),
        }

    def autoencode(self, clips: Any, top: int = 5) -> Any:
        """Clips to their reconstructions.

        Args:
          clips: A list, or one clip, whose reconstruction alone is returned. Each is the path of a video or of a folder
            of images with a sound, a video's bytes, pixels [T, H, W, C] without sound, or a `Clip` of encoded images
            and a WAV. Longer clips than the model's are reconstructed window by window.
          top: Labels per clip.

        Returns:
          For each clip {"video": float32 [T, H, W, 3] in [0, 1], "audio": float32 [S], "labels": [{"label",
          "score"}, …]}.

        Raises:
          PerceiverError: a clip can't be read or decoded. UsageError: `top` is below 1.
        """
        whole("top", top)
        return answer_each(
            clips,
            is_clip,
            TAKES,
            lambda several: [self._autoencode(to_clip(clip), top) for clip in several],
        )

    def _autoencode(self, clip: Any, top: int) -> dict[str, Any]:
        outputs = self.serve_contents([clip])
        (labels,) = top_labels(outputs, self.labels, top)
        return {"video": outputs["video"][0], "audio": outputs["audio"][0], "labels": labels}


def widest(config: MultimodalAutoencoderConfig) -> int:
    """Channels of the widest input modality, before padding (docs/architecture.md, Preprocess)."""
    audio = config.samples_per_patch + 2 * config.audio_bands + 1
    image = config.channels * config.image_patch**2 + 3 * (2 * config.image_bands + 1)
    return max(audio, image, config.num_classes)
