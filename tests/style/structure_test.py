"""DESIGN rules 1, 3 and 6: short files, one modality one name, and tests that mirror the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.style.tree import PACKAGES, ROOT, python_files, read

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


def homes(folder: Path) -> list[Path]:
    """Where the code may lie that the tests in `folder` (relative to tests/) are about."""
    return [ROOT / "perceiver_keras" / folder, ROOT / folder]


def test_tests_mirror_the_tree() -> None:
    """`perceiver_keras/layers/attention.py` is tested in `tests/layers/attention_test.py`.

    A folder's tests may go through several of its modules; at the top a test is of one module.
    """
    odd = []
    for path in python_files("tests"):
        below = path.relative_to("tests")
        if not path.name.endswith("_test.py") or below.parts[0] in ABOUT_THE_WHOLE:
            continue
        places = homes(below.parent)
        if below.parent == Path("."):
            name = path.stem.removesuffix("_test")
            found = any((place / f"{name}.py").exists() for place in places)
        else:
            found = any(place.is_dir() for place in places)
        if not found:
            odd.append(str(path))
    assert odd == [], "nothing of that name lies at the same place"


def test_every_folder_of_code_has_its_tests() -> None:
    """A folder within a folder may be tested where its parent is; commands, where the cli is."""
    code = {path.parent for path in python_files(*PACKAGES) if path.name != "__init__.py"}
    tests = [path for path in python_files("tests") if path.name.endswith("_test.py")]
    tested = {path.parent for path in tests}
    if Path("tests/cli_test.py") in tests:
        tested.add(Path("tests/commands"))
    untested = []
    for folder in sorted(code):
        below = folder.parts[1:] if folder.parts[0] == "perceiver_keras" else folder.parts
        places = [Path("tests", *below[:depth]) for depth in range(min(1, len(below)), len(below))]
        if not {Path("tests", *below), *places} & tested:
            untested.append(str(folder))
    assert untested == []


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
