"""`predict --server`: the answers, pictures and numbers of the exported folder, and what is wrong in words."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from perceiver_keras.commands.shared.predictor import read_labels
from perceiver_keras.errors import UsageError
from perceiver_keras.server import operations
from perceiver_keras.server.settings import ModelSource
from tests.commands.command_line import TASK, invoke, refused, told
from tests.server.running import Running, running


@pytest.fixture(scope="module")
def served(exported: Path) -> Iterator[Running]:
    sources = [ModelSource(name=name, base_path=str(exported)) for name in ("digits", "other")]
    with running(sources) as server:
        yield server


def ways(server: Running) -> list[tuple[str, ...]]:
    grpc, rest = server.addresses
    return [
        ("--server", grpc, "--model-name", "digits"),
        ("--server", f"{rest}/v1/models/digits"),
    ]


def test_a_server_gives_what_the_folder_gives(served, exported, pictures, tmp_path) -> None:
    found = []
    for number, model in enumerate([("--model", exported), *ways(served)]):
        drawn, saved = tmp_path / f"{number}.png", tmp_path / f"{number}.json"
        answer = told("predict", TASK, pictures, *model, "-o", drawn, "--save", saved)
        found.append((answer, json.loads(saved.read_text()), drawn.read_bytes()))
    first = found[0]
    for answer, numbers, drawn in found[1:]:
        assert answer["model"].endswith("digits, version 3")
        for one, other in zip(answer["predictions"], first[0]["predictions"], strict=True):
            assert one["file"] == other["file"]
            assert [e["label"] for e in one["answer"]] == [e["label"] for e in other["answer"]]
        assert numbers.keys() == first[1].keys() and numbers["label"] == first[1]["label"]
        np.testing.assert_allclose(numbers["probabilities"], first[1]["probabilities"], atol=1e-5)
        assert drawn == first[2]


def test_bad_files_are_named_and_answers_in_a_folder_are_kept(served, pictures, tmp_path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    asked = ("predict", TASK, tmp_path / "broken.png", pictures, "--save", f"{tmp_path}/out/")
    for number, model in enumerate(ways(served)):
        answer = told(*asked, *model, code=1)
        assert len(answer["predictions"]) == 3 and len(answer["errors"]) == 1
        assert "\n" not in answer["errors"][0]["error"]
        assert len(told(*asked, *model, code=1)["skipped"]) == 3
        assert len(list((tmp_path / "out").glob("*.npz"))) == 3 * (number + 1) or number


def test_a_server_that_tells_no_names_is_given_them(
    served, exported, pictures, tmp_path, monkeypatch
) -> None:
    """As TensorFlow Serving, whose metadata are the signatures alone."""
    monkeypatch.setattr(operations, "TASK_FIELD", "another")
    names = tmp_path / "names.txt"
    names.write_text("".join(f"digit {number}\n" for number in range(10)))
    model = ways(served)[0]
    said = invoke("predict", TASK, pictures / "0.png", *model)
    assert "does not tell what the classes are called" in said.stderr
    asked = ("predict", TASK, pictures / "0.png", *model, "--labels")
    (named,) = told(*asked, names)["predictions"]
    (exports,) = told(*asked, exported)["predictions"]
    assert [e["label"] for e in named["answer"]] == [
        f"digit {e['label']}" for e in exports["answer"]
    ]
    names.write_text("a\nb\n")
    refused(*asked, names, code=2, words="names 2 classes; ")


def test_wrong_servers_and_options_are_one_line(served, pictures, tmp_path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{bound.getsockname()[1]}"
        refused("predict", TASK, pictures, "--server", nobody, "--model-name", "m", code=1,
                words="No model server answers")  # fmt: skip
    grpc = served.addresses[0]
    for arguments, words in (
        ((TASK, pictures, "--server", grpc), "has 2 models; name one"),
        ((TASK, pictures, "--server", grpc, "--model-name", "digit"), "Did you mean 'digits'?"),
        (("language_mlm", "a", *ways(served)[0]), "is a model for image_classification, not for"),
        ((TASK, pictures, "--server", "localhost"), "expected HOST:PORT"),
        ((TASK, pictures, "--server", grpc, "--model", tmp_path), "--model and --server name 2"),
        ((TASK, pictures, "--model-name", "digits"), "--model-name goes with --server"),
        ((TASK, pictures, "--labels", tmp_path), "--labels goes with --server"),
    ):
        refused("predict", *arguments, code=2, words=words)


def test_labels_are_read_or_their_lack_is_told(exported: Path, tmp_path: Path) -> None:
    assert read_labels(exported) == [str(digit) for digit in range(10)]
    path = tmp_path / "names"
    for content, words in ((b"", "no classes' names"), (b"\xff", "not UTF-8")):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=words):
            read_labels(path)
    with pytest.raises(UsageError, match="No such file"):
        read_labels(tmp_path / "none")
