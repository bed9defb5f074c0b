"""From flow files to TFDS records: what all data sets of optical flow have in common.

Features: `frame1`, `frame2` (encoded pictures), `flow` (pixels, x first, from frame 1 to frame 2, 0 where it is not
valid), `valid`, `occluded` (255 for yes), `name`, `sequence`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from perceiver_keras.data.flow import formats
from perceiver_keras.data.flow.folders import FlowFiles
from perceiver_keras.data.image import check_image, decode_image, image_size
from perceiver_keras.data.own.files import Listing
from perceiver_keras.data.own.found import shown
from perceiver_keras.data.picture_files.jpeg import orientation
from perceiver_keras.data.store.files_builder import FilesBuilder, Named
from perceiver_keras.errors import PerceiverError

Splits = Mapping[str, Callable[[], Iterable[FlowFiles]]]


class FlowBuilder(FilesBuilder, skip_registration=True):
    """A data set in a folder on the user's disk.

    A subclass describes the layout in TFDS's `MANUAL_DOWNLOAD_INSTRUCTIONS`, names the HOMEPAGE, and lists its pairs in
    `pairs`.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    HOMEPAGE = ""

    def pairs(self, root: Path) -> Splits:
        """{split: function that lists its pairs}.

        Raises:
          UsageError: The layout is different; the message says what was expected and what was found.
        """
        raise TypeError(f"{type(self).__name__} must list its pairs.")

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=features(), homepage=self.HOMEPAGE, disable_shuffling=False
        )

    def sources(self, listed: Listing) -> Mapping[str, Iterable[Named]]:
        return {
            split: ((shown(pair.flow.relative_to(listed.root)), pair) for pair in pairs())
            for split, pairs in self.pairs(listed.root).items()
        }

    def read(self, item: FlowFiles) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter_examples([item])


def features() -> tfds.features.FeaturesDict:
    """`flow` is flat, H * W * 2 numbers: for more than one unknown axis TFDS would store the shape as well."""
    image = tfds.features.Image(shape=(None, None, 3), doc="PNG or JPEG")
    mask = tfds.features.Image(shape=(None, None, 1), encoding_format="png", doc="255 for yes")
    flow = tfds.features.Tensor(
        shape=(None,),
        dtype=np.float32,
        encoding=tfds.features.Encoding.BYTES,
        doc="[H, W, 2] of frame1's H and W, in pixels, x first",
    )
    return tfds.features.FeaturesDict(
        {
            "frame1": image,
            "frame2": image,
            "flow": flow,
            "valid": mask,
            "occluded": mask,
            "name": tfds.features.Text(),
            "sequence": tfds.features.Text(),
        }
    )


def iter_examples(pairs: Iterable[FlowFiles]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, features) of each pair, read one at a time.

    Raises:
      PerceiverError: A file is damaged, or the sizes of a pair's files differ.
    """
    for pair in pairs:
        frame1, size = read_frame(pair.frame1)
        frame2, size2 = read_frame(pair.frame2)
        if size2 != size:
            raise PerceiverError(
                f"{pair.frame1} has {size[0]}x{size[1]} pixels, {pair.frame2} {size2[0]}x{size2[1]}."
            )
        flow, valid, occluded = read_target(pair)
        if flow.shape[:2] != size:
            raise PerceiverError(
                f"{pair.flow} has {flow.shape[0]}x{flow.shape[1]} pixels, {pair.frame1} "
                f"{size[0]}x{size[1]}."
            )
        yield (
            pair.name,
            {
                "frame1": io.BytesIO(frame1),
                "frame2": io.BytesIO(frame2),
                "flow": flow.reshape(-1),
                "valid": valid[..., None].astype(np.uint8) * 255,
                "occluded": occluded[..., None].astype(np.uint8) * 255,
                "name": pair.name,
                "sequence": pair.group,
            },
        )


def read_target(pair: FlowFiles) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The true flow [H, W, 2] in pixels, 0 where not valid; valid and occluded, bool [H, W].

    Raises:
      PerceiverError: A file is damaged, or the files' sizes differ.
    """
    flow, valid = formats.read_flow(pair.flow)
    occluded = np.zeros(valid.shape, bool)
    if pair.invalid:
        valid = valid & ~read_mask(pair.invalid, valid.shape)
    if pair.occluded:
        occluded = read_mask(pair.occluded, valid.shape)
    if pair.visible:
        visible = formats.read_flow(pair.visible)[1]
        if visible.shape != valid.shape:
            raise PerceiverError(f"{pair.visible} has {visible.shape} pixels, not {valid.shape}.")
        occluded = valid & ~visible
    return np.where(valid[..., None], flow, np.float32(0)), valid, occluded


def read_frame(path: Path) -> tuple[bytes, tuple[int, int]]:
    """An encoded picture in colour, PNG or JPEG, and its (rows, columns).

    An 8-bit colour PNG or JPEG is passed on untouched. Anything else becomes such a PNG: grey is repeated to three
    channels, alpha is dropped (not composited), 16 bits keep their upper 8, PPM and PGM are decoded, and a JPEG
    that its EXIF turns is turned.

    Raises:
      PerceiverError: It is not a picture, or is damaged.
    """
    content = _bytes(path)
    if content[:2] in (b"P5", b"P6"):
        pixels = _netpbm(path, content)
        return tf.io.encode_png(pixels).numpy(), pixels.shape[:2]
    if problem := check_image(content):
        raise PerceiverError(f"{path} can't be read as a picture: {problem}.")
    with tf.device("CPU:0"):
        if content.startswith(b"\x89PNG"):
            plain = content[24:26] == b"\x08\x02"  # 8 bits, colour
        else:
            plain = content.startswith(b"\xff\xd8") and _is_plain_jpeg(content)
        if not plain:
            content = tf.io.encode_png(decode_image(tf.constant(content), 3)).numpy()
    return content, image_size(content)


def read_mask(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """bool [H, W]: where a picture is not black.

    Raises:
      PerceiverError: It is not a picture, or has a different shape.
    """
    content = _bytes(path)
    if problem := check_image(content):
        raise PerceiverError(f"{path} can't be read as a mask: {problem}.")
    with tf.device("CPU:0"):
        pixels = decode_image(tf.constant(content), 1).numpy()[..., 0]
    if pixels.shape != shape:
        raise PerceiverError(f"{path} has {pixels.shape} pixels, but its flow has {shape}.")
    return pixels > 0


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PerceiverError(f"{path} can't be read: {error.strerror}.") from None


def _is_plain_jpeg(content: bytes) -> bool:
    """Whether it is in colour and not turned by its EXIF, which TFDS's own decoder does not see."""
    return int(tf.io.extract_jpeg_shape(content)[2]) == 3 and int(orientation(content)) == 1


def _netpbm(path: Path, content: bytes) -> np.ndarray:
    from PIL import Image  # TensorFlow can't read PPM, the format of FlyingChairs

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > formats.MAX_PIXELS:
                raise PerceiverError(f"{path} declares {image.height}x{image.width} pixels.")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise PerceiverError(f"{path} can't be read as a picture: {error}.") from None
