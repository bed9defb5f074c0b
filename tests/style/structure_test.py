"""DESIGN rules 1, 3 and 6: short files, one modality one name, and tests that mirror the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.style.tree import PACKAGES, ROOT, files, python_files, read

MODALITIES = {"text", "image", "flow", "video", "audio", "label", "entities", "multimodal"}
# Other words for the same things, as a file name in these three folders.
SYNONYMS = {
    *("bytes", "language", "sentence", "images", "picture", "pictures", "vision", "photo"),
    *("optical_flow", "flows", "videos", "movie", "clip", "sound", "speech", "wave", "wav"),
    *("labels", "classes", "entity", "units", "multi_modal", "multimodality"),
}
MODALITY_FOLDERS = ("data", "preprocess", "postprocess")
# Folders of tests about the repository, not about one module each.
ABOUT_THE_WHOLE = {"style", "parity"}
# Tests that go through every registered thing of their folder, or through several modules at once.
ABOUT_A_FOLDER = {"contract", "conformance", "end_to_end", "round_trip"}


def test_no_python_file_is_longer_than_400_lines() -> None:
    long = {str(path): read(path).count("\n") for path in python_files()}
    assert {path: lines for path, lines in long.items() if lines > 400} == {}


def test_every_folder_of_a_package_can_be_installed() -> None:
    """A folder without __init__.py works in a checkout and is missing from the wheel."""
    folders = {path.parent for path in python_files(*PACKAGES)}
    assert [
        str(path) for path in sorted(folders) if not (ROOT / path / "__init__.py").exists()
    ] == []


@pytest.mark.parametrize("folder", MODALITY_FOLDERS)
def test_a_modality_has_one_file_name(folder: str) -> None:
    names = {path.stem for path in (ROOT / "perceiver_keras" / folder).glob("*.py")}
    assert names & SYNONYMS == set(), f"use one of {sorted(MODALITIES)}"


def test_what_is_postprocessed_is_preprocessed_under_the_same_name() -> None:
    def modalities(folder: str) -> set[str]:
        found = {path.stem for path in (ROOT / "perceiver_keras" / folder).glob("*.py")}
        return found & MODALITIES

    # A label is only ever an output of classification: it may stand without an input of its name.
    assert modalities("postprocess") - modalities("preprocess") - {"label"} == set()


def mirrored(test: Path) -> list[Path]:
    """Where the module of `tests/a/b_test.py` may lie, relative to the root."""
    below = test.relative_to("tests")
    module = below.with_name(below.stem.removesuffix("_test"))
    places = [Path("perceiver_keras") / module, module]
    return [place.with_suffix(end) for place in places for end in (".py", ".sh")] + places


def test_tests_mirror_the_tree() -> None:
    odd = []
    for path in files():
        if path.parts[0] != "tests" or not path.name.endswith("_test.py"):
            continue
        name = path.stem.removesuffix("_test")
        if path.parts[1] in ABOUT_THE_WHOLE:
            continue
        folder = path.relative_to("tests").parent
        homes = (ROOT / "perceiver_keras" / folder, ROOT / folder)
        if name in ABOUT_A_FOLDER and any(home.is_dir() for home in homes):
            continue
        if not any((ROOT / place).exists() for place in mirrored(path)):
            odd.append(str(path))
    assert odd == [], "no module of that name lies at the same place"


def test_test_files_are_named_so_that_they_run() -> None:
    """pytest and Bazel collect `*_test.py`; a `test_*.py` would silently not run."""
    wrong = [
        str(path)
        for path in python_files("tests")
        if "\ndef test_" in read(path) and not path.name.endswith("_test.py")
    ]
    assert wrong == []


def test_tests_are_no_package() -> None:
    assert [str(path) for path in python_files("tests") if path.name == "__init__.py"] == []
