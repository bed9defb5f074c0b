"""What the doctor looks at: the lock, folders, cards, libraries and their versions."""

from __future__ import annotations

import runpy
from collections import namedtuple
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement

from perceiver_keras.commands.shared import checks
from perceiver_keras.commands.shared.import_check import Imported
from perceiver_keras.commands.shared.requirements import Wanted

Usage = namedtuple("Usage", "total used free")


def test_in_a_checkout_the_lock_is_found(repository: Path) -> None:
    lock = repository / checks.lock_path().name
    if not lock.exists():
        pytest.skip("Bazel gives this test the code alone")
    lines = lock.read_text().split()
    assert len(list(checks.read_lock("\n".join(lines)))) == len(lines)
    found = checks.lock()
    if found.state == "ok":
        assert found.seen == f"all {len(lines)} packages as in {lock.name}"
    else:
        assert found.seen.startswith(("differs: ", "not installed: "))


def test_what_is_installed_is_held_against_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "requirements.lock"
    assert checks.lock(path).seen.startswith("no requirements.lock")
    numpy = checks.installed("numpy")
    path.write_text(f"numpy=={numpy}\n")
    assert checks.lock(path) == ("lock", "ok", "all 1 packages as in requirements.lock", "")
    path.write_text(f"numpy=={numpy}\nno-such-package==1.0\n")
    assert checks.lock(path).seen == "not installed: no-such-package"
    path.write_text("numpy==0.1\n")
    assert checks.lock(path).seen == f"differs: numpy {numpy} (lock: 0.1)"


def test_the_lock_is_read_by_name_and_version() -> None:
    text = "# comment\nabsl-py==1.4.0\nkeras==2.15.0 ; python_version>='3'\n"
    assert list(checks.read_lock(text)) == [("absl-py", "1.4.0"), ("keras", "2.15.0")]


def test_a_full_disk_a_file_and_a_folder_that_may_not_be_written(tmp_path, monkeypatch) -> None:
    assert checks.folder("run folder", tmp_path / "a" / "b", 1).state == "ok"
    (tmp_path / "file").touch()
    assert "is a file" in checks.folder("run folder", tmp_path / "file" / "b", 1).seen
    assert checks.folder("run folder", Path("/proc/none"), 1).state == "missing"
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: Usage(1, 1, 5))
    full = checks.folder("run folder", tmp_path, 10)
    assert full.state == "missing" and "free at least" in full.advice


def test_a_card_that_tensorflow_does_not_see_is_noted(monkeypatch) -> None:
    monkeypatch.setattr(checks.shutil, "which", lambda name: "/usr/bin/" + name)
    [finding] = checks.devices(Imported("tensorflow", devices=["CPU:0"]))
    assert finding.state == "note" and "perceiver-keras[gpu]" in finding.advice
    [finding] = checks.devices(Imported("tensorflow", devices=["CPU:0", "GPU:0 H100"]))
    assert finding == ("devices", "ok", "GPU:0 H100", "")
    assert list(checks.devices(Imported("tensorflow", "ImportError: libcudart.so"))) == []


WORKS = {module: Imported(module) for module in checks.NECESSARY.values()}


def broken(module: str, error: str, culprit: str = "", project=None) -> checks.Finding:
    tried = WORKS | {module: Imported(module, error, culprit)}
    [finding] = [f for f in checks.packages(tried, project or {}) if f.state == "broken"]
    return finding


def test_a_library_that_does_not_import_is_broken_and_reinstalled(monkeypatch) -> None:
    """Nothing is wrong with any version: then files are damaged."""
    monkeypatch.setattr(checks, "lock_path", lambda: Path("/no/lock"))
    finding = broken("tensorboard.main", "importing it crashes Python (SIGSEGV)")
    version = checks.installed("tensorboard")
    assert finding.what == "tensorboard" and finding.seen.startswith(f"{version} does not work: ")
    assert finding.advice.endswith(f"--force-reinstall --no-deps tensorboard=={version}`")


def test_the_guilty_package_is_named_with_its_version_and_the_lock_s_is_what_to_install(
    monkeypatch, tmp_path
) -> None:
    (tmp_path / "requirements.lock").write_text("protobuf==3.20.3\n")
    monkeypatch.setattr(checks, "lock_path", lambda: tmp_path / "requirements.lock")
    finding = broken("tensorflow_datasets.core", "ImportError: gone", "protobuf")
    assert f"ImportError: gone (in protobuf {checks.installed('protobuf')})" in finding.seen
    assert finding.advice.endswith("protobuf==3.20.3`")


def test_versions_that_do_not_go_together_are_named_with_the_command(monkeypatch) -> None:
    """As a fresh resolver chose them: `module 'tensorflow_datasets' has no attribute 'core'`."""
    new = {"tensorflow-metadata": "1.21.0", "tensorflow-datasets": "4.9.10"}
    for module in ("checks", "requirements"):
        monkeypatch.setattr(f"perceiver_keras.commands.shared.{module}.installed", new.get)
    project = {
        "tensorflow-datasets": Wanted("tensorflow-datasets", {"perceiver-keras": ">=4.9.4"}, False),
        "tensorflow-metadata": Wanted(
            "tensorflow-metadata",
            {"perceiver-keras": "<1.17,>=1.13", "tensorflow-datasets": ""},
            False,
        ),
    }
    found = checks.versions(project)
    assert found.state == "note"
    assert found.seen == "tensorflow-metadata 1.21.0 (perceiver-keras wants <1.17,>=1.13)"
    assert found.advice.endswith("'tensorflow-metadata<1.17,>=1.13'`")
    advice = checks.remedy("tensorflow-datasets", "tensorflow-metadata", project)
    assert advice.endswith("pip install 'tensorflow-metadata<1.17,>=1.13'")
    del project["tensorflow-metadata"]
    assert checks.versions(project).state == "ok"
    assert checks.versions({}).state == "note"


def test_every_requirement_is_tried(repository: Path, monkeypatch) -> None:
    """But for those that have nothing to import here, or nothing that works."""
    lists = requirements_of(repository, monkeypatch)
    untried = {"absl-py", "etils", "ml-dtypes", "pyarrow"}  # TensorFlow and TFDS import them
    assert lists["CORE"] - checks.NECESSARY.keys() == untried
    tried = checks.EXTRAS["pipeline"].keys() | {"keras-tuner", "portalocker"}  # by tfx
    assert lists["pipeline"] == tried
    assert lists["text"] == checks.EXTRAS["text"].keys()
    assert lists["video"] - {"scikit-video"} == checks.EXTRAS["video"].keys()


def requirements_of(repository: Path, monkeypatch) -> dict[str, set[str]]:
    """What setup.py asks for on this Python, as names: "CORE", and each extra."""
    if not (repository / "setup.py").exists():
        pytest.skip("Bazel gives this test the code alone")
    told = {}
    monkeypatch.chdir(repository)
    monkeypatch.setattr(setuptools, "setup", lambda **given: told.update(given))
    runpy.run_path("setup.py")
    return {
        group: {
            need.name
            for need in map(Requirement, lines)
            if need.marker is None or need.marker.evaluate({"extra": ""})
        }
        for group, lines in {"CORE": told["install_requires"], **told["extras_require"]}.items()
    }


def test_without_the_pipeline_the_doctor_says_whether_it_could_be_installed(monkeypatch) -> None:
    monkeypatch.setattr(checks, "installed", lambda name: None if name == "tfx" else "1.0")
    for why_not in ("", "its wheels need glibc 2.39, and this machine has glibc 2.36"):
        monkeypatch.setattr(checks.stack, "no_pipeline", lambda text=why_not: text)
        [found] = [f for f in checks.packages(WORKS, {}) if f.seen == "without tfx"]
        assert found.state == "note"
        assert found.advice.endswith(why_not or "install 'perceiver-keras[pipeline]'`")
