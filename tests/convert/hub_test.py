"""The hub's names of the released models."""

from __future__ import annotations

import pytest

from perceiver_keras.convert.download import HUGGINGFACE_REPOSITORIES
from perceiver_keras.convert.hub import preset_of, short_name, source_of
from perceiver_keras.convert.names import RELEASED
from perceiver_keras.errors import UsageError


def test_every_released_model_has_one():
    assert set(HUGGINGFACE_REPOSITORIES) == set(RELEASED)
    for preset, repository in HUGGINGFACE_REPOSITORIES.items():
        assert preset_of(repository) == preset
        assert preset_of(f"https://huggingface.co/{repository}/") == preset


@pytest.mark.parametrize("name", ["optical_flow", "deepmind", "deepmind/optical_flow", "a/b", ""])
def test_other_names_are_not_its(name):
    assert preset_of(name) is None


def test_a_folder_of_that_name_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deepmind" / "language-perceiver").mkdir(parents=True)
    assert preset_of("deepmind/language-perceiver") is None


def test_a_name_that_is_nearly_one():
    with pytest.raises(UsageError, match="Did you mean 'deepmind/vision-perceiver-fourier'?"):
        preset_of("deepmind/vision-perceiver-fourrier")


def test_the_address_of_a_page_is_the_name_of_its_repository():
    name = "deepmind/language-perceiver"
    assert short_name(f"https://huggingface.co/{name}/") == short_name(name) == name
    for other in ("https://huggingface.co/a/b", f"https://elsewhere.org/{name}", "runs/digits/"):
        assert short_name(other) == other


def test_weights_of_a_repository_are_those_of_its_preset_alone():
    name = "deepmind/language-perceiver"
    assert source_of(name, "language_mlm_bytes") == source_of(name, None) == "huggingface"
    assert source_of("deepmind", "optical_flow") == "deepmind"
    assert source_of("a/b.pystate", None) == "a/b.pystate"
    words = f"{name} has the weights of language_mlm_bytes, not of optical_flow"
    with pytest.raises(UsageError, match=words):
        source_of(name, "optical_flow")
