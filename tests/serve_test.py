"""Servable: loads without the code that made the model, answers by name, and says what is wrong."""

import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.export import export_saved_model
from perceiver_keras.serve import Servable
from tests import tiny_task as tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("serve") / "model")
    return export_saved_model(tiny.TASK, tiny.CONFIG, tiny.model(), folder, labels=tiny.LABELS)


@pytest.fixture(scope="module")
def servable(folder):
    return Servable(folder)


def test_signatures_by_name(servable):
    assert set(servable.signatures) == {
        "serving_default",
        "serving_examples",
        "serving_tensors",
        "evaluate",
    }
    default = servable.signatures["serving_default"]
    assert {k: v.dtype for k, v in default.inputs.items()} == {"image_bytes": tf.string}
    assert default.outputs["probabilities"].shape.as_list() == [None, 3]
    assert servable.task["labels"] == tiny.LABELS and servable.task["task"] == "tiny"
    assert servable.version is None


def test_predict_is_the_models_own_answer(servable):
    pngs = tiny.pngs(4, seed=7)
    pixels = np.stack([tf.io.decode_png(png).numpy() for png in pngs]).astype(np.float32) / 255
    logits = tiny.model()({"pixels": pixels}, training=False).numpy()
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for images in (pngs, np.array(pngs, object), tf.constant(pngs)):
        answer = servable.predict("serving_default", image_bytes=images)
        np.testing.assert_allclose(answer["probabilities"], shares, rtol=1e-5)
    assert answer["label"].tolist() == [tiny.LABELS[i].encode() for i in logits.argmax(-1)]
    for values in (pixels, pixels.astype(np.float64), pixels.tolist()):
        again = servable.predict("serving_tensors", pixels=values)
        np.testing.assert_allclose(again["probabilities"], shares, rtol=1e-5)


def test_a_folder_with_the_name_of_a_pattern_is_loaded(folder, tmp_path):
    odd = tmp_path / "s[1]*?" / "7"
    shutil.copytree(folder, odd)
    servable = Servable(str(odd.parent))
    assert (servable.folder, servable.version) == (str(odd), 7)
    assert servable.signatures["serving_default"].inputs


def test_an_input_may_be_called_signature(tmp_path):
    class Echo(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="signature")])
        def f(self, signature):
            return {"out": signature + 1}

    module = Echo()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.f)
    answer = Servable(str(tmp_path / "m")).predict("serving_default", signature=[1, 2])
    assert answer["out"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("signature", "inputs", "words"),
    [
        ("serving_defualt", {}, "no signature 'serving_defualt'. Did you mean 'serving_default'?"),
        (
            "serving_default",
            {"image_byte": [b""]},
            "no input 'image_byte'. Did you mean 'image_bytes'?",
        ),
        ("serving_default", {}, "serving_default needs image_bytes too"),
        ("serving_default", {"image_bytes": np.zeros([2])}, "expected string [any], got float64."),
        (
            "serving_default",
            {"image_bytes": [[b"a"]]},
            "expected string [any], got the shape [1, 1]",
        ),
        ("serving_default", {"image_bytes": b"a"}, "got the shape []"),
        (
            "serving_default",
            {"image_bytes": np.array([b"a", 3], object)},
            "expected string [any], got bytes, int",
        ),
        (
            "serving_tensors",
            {"pixels": np.zeros([2, 5, 4, 3])},
            "float32 [any, 4, 4, 3], got the shape [2, 5, 4, 3]",
        ),
        ("serving_tensors", {"pixels": [["a"]]}, "float32 [any, 4, 4, 3], got str."),
        ("serving_tensors", {"pixels": np.zeros([1, 4, 4, 3], complex)}, "got complex128"),
        ("serving_tensors", {"pixels": [[1.0], [1.0, 2.0]]}, "got a ragged list"),
    ],
)
def test_wrong_use_is_named(servable, signature, inputs, words):
    with pytest.raises(UsageError) as caught:
        servable.predict(signature, **inputs)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_bytes_keep_the_nuls_at_their_end(tmp_path):
    class Lengths(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, name="text")])
        def f(self, text):
            return {"lengths": tf.strings.length(text)}

    module = Lengths()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.f)
    servable = Servable(str(tmp_path / "m"))
    for text in (
        [[b"a\0\0", "é"]],
        np.array([[b"a\0\0", "é"]], object),
        tf.constant([[b"a\0\0", "é"]]),
    ):
        assert servable.predict(text=text)["lengths"].tolist() == [[3, 2]]
    assert servable.predict(text=np.zeros([0, 2], object))["lengths"].shape == (0, 2)


def test_bytes_that_are_not_an_image_are_a_readable_error(servable):
    with pytest.raises(PerceiverError, match="serving_default can't answer this input") as caught:
        servable.predict("serving_default", image_bytes=[b"not a png"])
    assert "\n" not in str(caught.value)
    with pytest.raises(PerceiverError, match="serving_examples can't answer this input"):
        servable.predict("serving_examples", examples=[b"\x97\xff no example"])
    assert servable.predict("serving_default", image_bytes=tiny.pngs(1))["label"].shape == (1,)


def test_folders_that_cannot_serve_say_why(folder, tmp_path):
    def refuse(name, words):
        with pytest.raises(PerceiverError, match=words) as caught:
            Servable(str(tmp_path / name))
        assert "\n" not in str(caught.value)

    refuse("nothing", "is not a folder")
    (tmp_path / "empty").mkdir()
    refuse("empty", "not a SavedModel")
    data = "variables/variables.data-00000-of-00001"
    for number, lost in enumerate(("saved_model.pb", "variables/variables.index", data)):
        shutil.copytree(folder, tmp_path / f"half/{number}")
        os.remove(tmp_path / f"half/{number}/{lost}")
        refuse("half", f"half/{number} is half-written: {lost} missing")
    for name, file, content in (
        ("garbage", "saved_model.pb", b"\xff" * 100),
        ("truncated", "variables/variables.data-00000-of-00001", b""),
        ("notes", "assets.extra/task.json", b"{"),
    ):
        shutil.copytree(folder, tmp_path / name)
        (tmp_path / name / file).write_bytes(content)
        refuse(name, "can't be loaded|can't be read")


def test_loads_where_our_package_is_not(folder, tmp_path):
    """A fresh, isolated process in which an import of ours fails."""
    code = f"""
        import sys
        for name in ("perceiver_keras", "pipeline", "components", "tests"):
            sys.modules[name] = None  # `import` of a None entry fails
        import tensorflow as tf
        f = tf.saved_model.load({folder!r}).signatures["serving_default"]
        out = f(image_bytes=tf.constant([tf.io.encode_png(tf.zeros([4, 4, 3], tf.uint8)).numpy()]))
        print(out["label"].numpy()[0].decode())
    """
    done = subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in tiny.LABELS


def test_sentencepiece_is_registered_when_the_graph_needs_it(tmp_path):
    """In a fresh process, since here the ops may be registered already."""
    text = pytest.importorskip("tensorflow_text")
    spm = pytest.importorskip("sentencepiece")
    sentences = iter(["to be or not to be", "that is the question", "whether tis nobler"] * 20)
    prefix = str(tmp_path / "spm")
    spm.SentencePieceTrainer.train(
        sentence_iterator=sentences, model_prefix=prefix, vocab_size=26, minloglevel=2
    )

    class Tokens(tf.Module):
        def __init__(self):
            super().__init__()
            with open(f"{prefix}.model", "rb") as file:
                self.tokenizer = text.SentencepieceTokenizer(file.read())

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
        def f(self, sentences):
            return {"ids": self.tokenizer.tokenize(sentences).to_tensor()}

    module = Tokens()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures=module.f)
    expected = spm.SentencePieceProcessor(model_file=f"{prefix}.model").encode("to be")
    code = (
        f"from perceiver_keras.serve import Servable\n"
        f"print(Servable({str(tmp_path / 'm')!r}).predict(text=['to be'])['ids'].tolist())\n"
        f"import sys; assert 'perceiver_keras.tasks' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([expected])
