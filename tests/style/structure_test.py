"""Short files, one name per modality, and tests that mirror the tree file by file."""

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
# Folders of tests about the repository, not about one module each; and single files about more than one module.
ABOUT_THE_WHOLE = {"style", "parity", "docs", "deploy", "sabotage", "scripts", "saved", "stacks"}
WHOLES = {
    "tests/convert/audit_test.py",  # no import and no call, whatever is read
    "tests/convert/mutations_test.py",  # bytes changed at random, in every kind of file
    "tests/commands/remote_places_test.py",  # folders at URLs, in every command
    "tests/conformance_test.py",  # what every layer must be able to do
    "tests/pipeline/agreement_in_tfma_test.py",  # Keras and TFMA give the same numbers
    "tests/pipeline/raw_examples_test.py",  # Transform changes examples, and warm-up requests are raw
    "tests/server/browser_test.py",  # the page, in a real Chromium
    "tests/server/conformance_test.py",  # TensorFlow Serving's documents, case by case
    "tests/server/mutations_test.py",  # requests changed at random, over both protocols
    "tests/fresh_install_test.py",  # the wheel, with what the index has today
    "tests/setup_test.py",  # setup.py
    "tests/tasks/contract_test.py",  # what every task must be able to do
    "tests/tasks/released_models_test.py",  # the released presets' sizes
}


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


def place_of_test(module: Path) -> Path:
    """Where a module is tested: `layers/attention.py` in `tests/layers/attention_test.py`.

    A TFDS builder lies in a folder of its name, as TFDS wants it, and is tested in one file of that name.
    """
    below = module.parts[1:] if module.parts[0] == "perceiver_keras" else module.parts
    if module.stem.endswith("_dataset_builder"):
        return Path("tests", *below[:-2], f"{module.parent.name}_test.py")
    return Path("tests", *below[:-1], f"{module.stem}_test.py")


def test_every_module_has_a_test_of_its_name() -> None:
    modules = [path for path in python_files(*PACKAGES) if path.name != "__init__.py"]
    missing = {
        str(path): str(place_of_test(path))
        for path in modules
        if not (ROOT / place_of_test(path)).exists()
    }
    assert missing == {}, "module: where its test should be"


def test_every_test_has_a_module_of_its_name() -> None:
    """But for tests of a whole: a folder of files, a contract, the repository."""
    mirrored = {place_of_test(path) for path in python_files(*PACKAGES)}
    tests = [path for path in python_files("tests") if path.name.endswith("_test.py")]
    odd = [
        str(path)
        for path in tests
        if path not in mirrored
        and path.parts[1] not in ABOUT_THE_WHOLE
        and path.as_posix() not in WHOLES
    ]
    assert odd == [], "no module of that name lies at the same place"


def test_test_files_are_named_so_that_they_run() -> None:
    """pytest and Bazel collect `*_test.py`; a `test_*.py` would silently not run."""
    wrong = [
        str(path)
        for path in python_files("tests")
        if "\ndef test_" in read(path) and not path.name.endswith("_test.py")
    ]
    assert wrong == []


def test_only_the_folder_of_all_tests_is_a_package() -> None:
    packages = [str(path) for path in python_files("tests") if path.name == "__init__.py"]
    assert packages == ["tests/__init__.py"]
