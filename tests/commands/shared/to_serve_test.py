"""What people name, as folders of versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_keras.commands.shared import to_serve
from perceiver_keras.errors import UsageError
from perceiver_keras.server.settings import ModelSource
from tests.parity.fixtures import downloaded


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def saved_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def one(word: object, weights: str | None = None) -> ModelSource:
    (found,) = to_serve.sources([str(word)], weights)
    return found


def test_a_folder_of_versions_has_the_name_that_says_something(tmp_path) -> None:
    version = saved_model(tmp_path / "my digits" / "pushed" / "3")
    assert one(version.parent) == ModelSource(name="my_digits", base_path=str(version.parent))
    assert one(f"d={version.parent}").name == "d"
    only = one(version)
    assert (only.name, only.policy, only.versions) == ("my_digits", "specific", (3,))
    assert only.base_path == str(version.parent)


def test_a_saved_model_without_a_number_is_version_1(tmp_path, cache) -> None:
    folder = saved_model(tmp_path / "m")
    found = one(folder)
    link = Path(found.base_path) / "1"
    assert link.is_symlink() and link.resolve() == folder and link.is_relative_to(cache)
    assert one(folder) == found


def test_a_preset_folder_is_exported_once(trained, cache) -> None:
    found = one(trained["model"])
    graph = Path(found.base_path) / "1" / "saved_model.pb"
    before = graph.stat().st_mtime_ns
    assert one(trained["model"]) == found and graph.stat().st_mtime_ns == before
    run = one(Path(trained["model"]).parent)  # the folder of `perceiver train`
    assert run.base_path == found.base_path


def test_a_repository_of_the_hub_is_exported_once_with_its_weights(cache) -> None:
    downloaded("language_mlm_bytes", cache)
    found = one("deepmind/language-perceiver")
    assert found.name == "language-perceiver"
    graph = Path(found.base_path) / "1" / "saved_model.pb"
    before = graph.stat().st_mtime_ns
    for word, weights in (
        ("language_mlm_bytes", "deepmind/language-perceiver"),
        ("language_mlm_bytes", "huggingface"),
        ("deepmind/language-perceiver", "huggingface"),
    ):
        assert one(word, weights).base_path == found.base_path
    assert graph.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("word", "weights", "words"),
    [
        ("nowhere", None, "no such folder, and no preset of that name"),
        ("optical_flow", None, "The preset optical_flow needs --weights"),
        ("tiny", "deepmind", "is a preset of .*, glue, .*name a preset folder instead"),
        ("optical_flow", "deepmind/language-perceiver", "weights of language_mlm_bytes, not of"),
        ("deepmind/perceiver", None, "is no released model on the hub"),
        ("a b=.", None, "letters, digits"),
        (__file__, None, "is a file"),
        (Path(__file__).parent, None, "has no saved_model.pb, no version folders and no preset"),
    ],
)
def test_what_can_not_be_served_is_told(word, weights, words) -> None:
    with pytest.raises(UsageError, match=words):
        one(word, weights)


def test_two_models_of_one_name_are_refused(tmp_path) -> None:
    folder = str(saved_model(tmp_path / "m" / "3").parent)
    with pytest.raises(UsageError, match="Two models are called 'm'"):
        to_serve.sources([folder, folder], None)
