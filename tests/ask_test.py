"""One call that answers: by the names that people type, with what they have."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import perceiver_keras as pk
from perceiver_keras.ask import pipeline
from perceiver_keras.convert.download import HUGGINGFACE_REPOSITORIES
from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.tasks import registry
from tests.parity.fixtures import downloaded

SAMPLES = Path(__file__).absolute().parents[1] / "examples" / "samples"
# What one task's pipeline is given, and how many answers there are; None: one answer alone.
GIVEN = {
    "image_classification": ("digit.png", None),
    "optical_flow": (("frame1.png", "frame2.png"), None),
    "language_mlm": ("masks.txt", 2),
    "text_classification": ("passages.txt", 2),
    "glue": ("sentences.txt", 2),
    "token_classification": ("code.txt", None),
    "multimodal_autoencoding": ("clip.mp4", None),
    "audio_classification": ("sound.wav", None),
    "starcraft_entities": ("battle.json", None),
}
REPOSITORIES = ("optical_flow", "language_mlm_bytes")


@pytest.fixture(scope="module")
def repositories(tmp_path_factory) -> Path:
    """Small models in the form of the hub's repositories, by preset."""
    folder = tmp_path_factory.mktemp("hub")
    for preset in REPOSITORIES:
        downloaded(preset, folder).rename(folder / preset)
    return folder


@pytest.fixture
def cache(repositories, tmp_path, monkeypatch) -> Path:
    """The cache of downloads, which has these two."""
    for preset in REPOSITORIES:
        name = HUGGINGFACE_REPOSITORIES[preset].split("/")[1]
        shutil.copytree(repositories / preset, tmp_path / "huggingface" / name)
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def digits() -> pk.ImageClassifier:
    return pk.ImageClassifier.from_preset("tiny")


@pytest.mark.parametrize("task", registry.names())
def test_every_task_answers_its_sample(task):
    ask = pipeline(task.replace("_", "-"), registry.get(task).model.from_preset("tiny"))
    given, several = GIVEN[task]
    names = given if isinstance(given, tuple) else (given,)
    answer = ask(*(SAMPLES / name for name in names))
    assert isinstance(answer, list) or several is None
    # One answer is not within a list of its own: a list of one dict would be one label.
    count = len(answer) if several else 1
    assert count == (several or 1)
    if several is None and isinstance(answer, list):
        assert all(isinstance(entry, dict) for entry in answer)


@pytest.mark.parametrize("name", ["optical-flow", "deepmind/optical-flow-perceiver"])
def test_a_released_model_by_each_of_its_names(name, cache, repositories):
    ask = pipeline(name)
    assert ask.task == "optical_flow"
    model = pk.OpticalFlow.from_preset("optical_flow", weights=str(repositories / "optical_flow"))
    frames = SAMPLES / "frame1.png", SAMPLES / "frame2.png"
    flow = ask.outputs(*frames)["flow"]
    # The served model tiles and decodes as `predict_flow` does.
    np.testing.assert_allclose(flow, model.predict_flow(*frames), atol=1e-4)
    answer = ask(*frames)
    assert (answer["height"], answer["width"]) == flow.shape[:2]
    assert answer["largest_motion"] == pytest.approx(np.hypot(*flow.T).max(), abs=1e-3)


def test_the_weights_of_a_task_or_a_repository_are_a_folder(repositories, monkeypatch, tmp_path):
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path / "empty"))
    folder = repositories / "language_mlm_bytes"
    text = "This is an incomplete sentence where some words are [MASK]."
    answers = [
        pipeline("fill-mask", weights=folder)(text, top=2),
        pipeline("deepmind/language-perceiver", weights=str(folder))(text, top=2),
        pipeline("language-mlm", "deepmind/language-perceiver", weights=folder)(text, top=2),
        pipeline(str(folder))(text, top=2),
        pk.load("deepmind/language-perceiver", weights=str(folder)).fill_mask(text, top=2),
    ]
    assert len(answers[0]) == 2
    assert all(answer == answers[0] for answer in answers)


def test_pictures_of_every_kind_are_one_picture(digits, tmp_path):
    ask, path = pipeline("image-classification", digits), SAMPLES / "digit.png"
    expected = digits.classify(path, top=3)
    picture = Image.open(path)
    for given in (
        str(path),
        path,
        path.read_bytes(),
        picture,
        np.asarray(picture),
        io.BytesIO(path.read_bytes()),
    ):
        assert ask(given, top=3) == expected
    listed = ask([picture, str(path), np.asarray(picture)], top=3)
    assert listed == [expected] * 3
    pixels = np.stack([np.asarray(picture)] * 2)[..., None]
    assert ask(pixels, top=3) == [expected] * 2
    for number in range(2):
        shutil.copy(path, tmp_path / f"{number}.png")
    assert ask(tmp_path, top=3) == ask(f"{tmp_path}/*.png", top=3) == [expected] * 2
    assert ask([]) == []


def test_frames_as_a_pair_or_as_a_list_of_pairs(repositories):
    ask = pipeline("optical-flow", weights=repositories / "optical_flow")
    paths = [str(SAMPLES / f"frame{number}.png") for number in (1, 2)]
    first, second = (np.asarray(Image.open(path)) for path in paths)
    expected = ask(*paths)
    assert ask((first, second)) == ask(paths) == ask(first, second) == expected
    assert ask([(first, second), (first, first)])[0] == expected
    assert ask([*paths, paths[0]])[0] == expected  # three frames are two pairs


def test_texts_one_pair_or_several():
    ask = pipeline("glue", pk.GlueModel.from_preset("tiny"))
    one = ask("cola: A sentence.")
    assert ask(("cola", "A sentence.")) == one
    assert ask(["cola: A sentence.", ("cola", "A sentence.")]) == [one, one]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["optical-flaw"], "Unknown task 'optical-flaw'. Did you mean 'optical_flow'?"),
        (["deepmind/optical-perceiver"], "Did you mean 'deepmind/optical-flow-perceiver'?"),
        (["image-classification", "tiny"], "The preset tiny has no released weights"),
        (["glue"], "glue has no released model; give one of your own"),
        (["optical-flow", "deepmind/language-perceiver"], "not for optical_flow"),
        (["no-task", "tiny"], "Unknown task 'no-task'."),
        (["glue", "runs/nowhere"], "'runs/nowhere' is neither a folder nor a preset"),
        ([None], "Expected the name of a task or a model; got None."),
        (["glue", 5], "Expected a folder, a preset or a model of this package's tasks; got 5"),
        (["glue", object()], "got a value of type object."),
    ],
)
def test_wrong_names_are_named(arguments, says, cache):
    with pytest.raises(UsageError) as caught:
        pipeline(*arguments)
    assert says in str(caught.value)


def test_what_a_task_does_not_take_is_named(digits):
    ask = pipeline("image-classification", digits)
    for given in (None, 3.0, {"a": 1}, [None]):
        with pytest.raises(UsageError, match="image_classification does not take"):
            ask(given)
    with pytest.raises(PerceiverError, match="nowhere.png: No such file"):
        ask("nowhere.png")
    for top in (-1, 0, 2.5, "3", None):
        with pytest.raises(UsageError, match="top: expected a whole number from 1 on; got"):
            ask(SAMPLES / "digit.png", top=top)
    text = SAMPLES / "code.txt"
    for one in (text, [SAMPLES / "digit.png", text]):
        with pytest.raises(PerceiverError, match=r"^\S*code.txt: .*not a PNG"):
            ask(one)
    with pytest.raises(PerceiverError, match="picture"):
        ask(io.BytesIO(b"no picture"))


@pytest.mark.parametrize("task", ["text-classification", "glue", "starcraft-entities"])
def test_a_path_is_a_file_s_and_bytes_are_no_list(task):
    """For a task of texts, a str that no file has is a text; bytes are 120, 121, 122 for those who iterate."""
    name = task.replace("-", "_")
    ask = pipeline(task, registry.get(name).model.from_preset("tiny"))
    for given in (Path("nowhere.txt"), [Path("nowhere.txt")], [b"text", Path("nowhere.txt")]):
        with pytest.raises(PerceiverError, match=r"nowhere.txt: No such file|does not take"):
            ask(given)
    if task != "text-classification":
        for given in (b"xyz", b""):
            with pytest.raises(UsageError, match=f"^{name} does not take a value of type bytes"):
                ask(given)


def test_a_set_of_other_columns_is_named():
    ask = pipeline(
        "starcraft-entities", registry.get("starcraft_entities").model.from_preset("tiny")
    )
    with pytest.raises(UsageError, match=r"^A set .* rows of 9 numbers .*, got rows of 8\.$"):
        ask(np.zeros([3, 8]))


def test_an_open_video_is_one_clip():
    name = "multimodal_autoencoding"
    ask, clip = pipeline(name, registry.get(name).model.from_preset("tiny")), SAMPLES / "clip.mp4"
    with clip.open("rb") as opened:
        assert ask(opened) == ask(io.BytesIO(clip.read_bytes())) == ask(clip)


def test_a_model_by_the_path_of_its_folder(digits, tmp_path):
    digits.save_to_preset(tmp_path / "mine")
    assert pipeline(tmp_path / "mine").task == "image_classification"
