"""examples/samples: a small input for each task, just as its script makes them, which `predict` takes."""

from __future__ import annotations

import io
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.data.video import clips
from perceiver_keras.tasks import registry

# What `predict` is given for each task, and how many requests that makes.
OF_TASK = {
    "image_classification": (["digit.png"], 1),
    "optical_flow": (["frame1.png", "frame2.png"], 1),
    "language_mlm": (["masks.txt"], 2),
    "text_classification": (["passages.txt"], 2),
    "glue": (["sentences.txt"], 2),
    "token_classification": (["code.txt"], 1),
    "multimodal_autoencoding": (["clip.mp4"], 1),
    "audio_classification": (["sound.wav"], 1),
    "starcraft_entities": (["battle.json"], 1),
}


@pytest.fixture(scope="module")
def samples(repository: Path) -> Path:
    return repository / "examples" / "samples"


def content(path: Path) -> list[np.ndarray] | bytes:
    """What a file holds; of pictures their pixels, which two versions of a library may compress differently."""
    if path.suffix == ".png":
        return [np.asarray(Image.open(path))]
    if path.suffix == ".mp4":
        clip = clips.read_video(path)
        return [np.asarray(Image.open(io.BytesIO(frame))) for frame in clip.frames]
    return path.read_bytes()


def test_the_script_makes_them(samples: Path, tmp_path: Path) -> None:
    runpy.run_path(str(samples / "make.py"))["main"](tmp_path)
    stored = {path.name for path in samples.iterdir() if path.suffix not in (".py", "")}
    assert stored == {path.name for path in tmp_path.iterdir()}
    for name in stored:
        one, other = content(samples / name), content(tmp_path / name)
        if isinstance(one, bytes):
            assert one == other, name
        else:
            for a, b in zip(one, other, strict=True):
                np.testing.assert_allclose(a.astype(int), b.astype(int), atol=2, err_msg=name)


def test_they_are_small_and_there_is_one_for_each_task(samples: Path) -> None:
    assert set(OF_TASK) == set(registry.names())
    named = {name for names, _ in OF_TASK.values() for name in names}
    files = {path.name: path.stat().st_size for path in samples.iterdir() if path.is_file()}
    assert set(files) == named | {"make.py"}
    assert max(files.values()) < 50_000


@pytest.mark.parametrize("name", sorted(OF_TASK))
def test_a_model_of_the_task_takes_them(name: str, samples: Path) -> None:
    """As `predict` asks it: from files to requests, raw inputs, outputs and answers."""
    task = registry.get(name)
    files, count = OF_TASK[name]
    requests = list(task.asking.requests([str(samples / file) for file in files]))
    assert [request.error for request in requests] == [""] * count
    preset = task.preset("tiny").config
    model = task.build(preset)
    raw = task.asking.pack([request.content for request in requests])
    wanted = task.serving.spec(preset)
    raw = {key: value for key, value in raw.items() if key in wanted}
    outputs = task.serving.serve(model, raw, preset, None)
    arrays = {key: value.numpy() for key, value in outputs.items()}
    assert all(np.isfinite(a).all() for a in arrays.values() if a.dtype.kind == "f")
    assert len(task.asking.answers(arrays, None, 3)) == count
