"""Small artifacts about data: examples, statistics and a schema."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
import tensorflow_data_validation as tfdv
from PIL import Image

RNG = np.random.default_rng(0)
ROWS = {
    split: pd.DataFrame(
        {
            "image/undecodable": 0,
            "image/mean": RNG.normal(100, 20, count),
            "image/height": 8,
            "image/format": "PNG",
            "perceiver/index": range(count),
            "label": RNG.choice(["cat", "dog", "ant"], count, p=[0.6, 0.3, 0.1]),
        }
    )
    for split, count in (("train", 300), ("test", 60))
}


_CLASSES = " ".join(f'value: "c{n}"' for n in range(14))
SCHEMA = """
feature { name: "image/height" type: INT presence { min_fraction: 1 min_count: 1 }
          annotation { tag: "values 8 16" } int_domain { min: 8 max: 16 } }
feature { name: "image/mean" type: FLOAT presence { min_fraction: 0.25 }
          float_domain { min: 0 max: 255 } }
feature { name: "image/width" type: INT presence { min_count: 1 } int_domain { min: 4 max: 99 } }
feature { name: "image/format" type: BYTES }
feature { name: "label" type: BYTES presence { min_fraction: 1 } domain: "classes" }
string_domain { name: "classes" NAMES }
""".replace("NAMES", _CLASSES)


def example(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full([4, 4], number, np.uint8)).save(buffer, "PNG")
    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[buffer.getvalue()])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[number % 3])),
        "empty": tf.train.Feature(),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(
        deterministic=True
    )


def write_statistics(folder: Path, rows: dict[str, pd.DataFrame]) -> Path:
    """As StatisticsGen writes them."""
    for split, frame in rows.items():
        path = folder / f"Split-{split}" / "FeatureStats.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(tfdv.generate_statistics_from_dataframe(frame).SerializeToString())
    return folder
