"""The wheel: built next to a file `build`, as on a case-insensitive disk, installed, and run elsewhere."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from perceiver_keras import stack
from perceiver_keras.checkout import NEXT_TO_IT
from tests.build_wheel import build_wheel
from tests.style.tree import PACKAGES, imported, python_files

THIS_PYTHON = "{}.{}".format(*sys.version_info[:2])


def run(*command: str | Path, cwd: Path) -> str:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(repository, tmp_path_factory.mktemp("source"))


def test_it_holds_our_packages_and_what_they_read(wheel: Path, repository: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {name for name in names if ".dist-info/" not in name}
    # A `pipeline` of its own would be hidden by anyone's own, or would hide it.
    assert {name.split("/")[0] for name in code} == {"perceiver_keras"}
    wanted = {
        str(place_in_the_wheel(path.relative_to(repository)))
        for package in PACKAGES
        for path in (repository / package).rglob("*")
        # Results are of one machine, and for the readers of the repository.
        if path.is_file() and not {"__pycache__", "results"} & set(path.parts)
    }
    assert code == wanted


def place_in_the_wheel(path: Path) -> Path:
    return Path("perceiver_keras", path) if path.parts[0] in NEXT_TO_IT else path


def test_it_says_what_it_needs(wheel: Path) -> None:
    lines = read_metadata(wheel)
    assert "Name: perceiver-keras" in lines
    (python,) = (line for line in lines if line.startswith("Requires-Python: "))
    assert SpecifierSet(python.removeprefix("Requires-Python: ")) == SpecifierSet(">=3.10,<3.14")
    extras = {line.split(": ")[1] for line in lines if line.startswith("Provides-Extra")}
    assert {"pipeline", "airflow", "gpu", "tpu", "dev"} <= extras


def needs(wheel: Path, *but: str, python: str = THIS_PYTHON) -> list[Requirement]:
    """What it asks for with that Python, except by these extras."""
    lines = read_metadata(wheel)
    extras = {line.split(": ")[1] for line in lines if line.startswith("Provides-Extra")}
    all_needed = [
        Requirement(line.removeprefix("Requires-Dist: "))
        for line in lines
        if line.startswith("Requires-Dist: ")
    ]
    here = {"python_version": python, "python_full_version": f"{python}.0"}
    return [
        need
        for need in all_needed
        if need.marker is None
        or any(need.marker.evaluate(here | {"extra": extra}) for extra in {"", *extras} - {*but})
    ]


def test_what_is_installed_fits_its_ranges(wheel: Path) -> None:
    """The lock is made from these ranges; here nothing has drifted from them."""
    absent = ("tpu",) if stack.is_modern() else ()  # as their locks are
    if importlib.util.find_spec("tfx") is None:
        absent = ("pipeline", "tpu")
    needed = needs(wheel, "airflow", "gpu", *absent)
    assert len(needed) > 10
    wrong = {
        str(need): have
        for need in needed
        if not need.specifier.contains(have := importlib.metadata.version(need.name))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "name, but, pythons",
    [
        ("requirements.lock", ("airflow", "gpu"), ["3.10"]),
        ("requirements-airflow.lock", ("dev", "gpu", "onnx", "serve", "tpu"), ["3.10"]),
        ("requirements-modern.lock", ("airflow", "gpu", "tpu"), ["3.11", "3.12", "3.13"]),
        (
            "requirements-modern-core.lock",
            ("airflow", "gpu", "tpu", "pipeline"),
            ["3.11", "3.12", "3.13"],
        ),
    ],
)
def test_a_lock_fits_the_ranges(wheel: Path, repository: Path, name, but, pythons) -> None:
    lines = (repository / name).read_text(encoding="utf-8").split()
    lock = dict(line.split("==") for line in lines)
    for python in pythons:
        wrong = {
            str(need): have
            for need in needs(wheel, *but, python=python)
            if not need.specifier.contains(have := lock.get(need.name, "0"))
        }
        assert wrong == {}
    assert ("tfx" in lock) == ("pipeline" not in but)
    assert ("tf-keras" in lock) == ("modern" in name)


def test_every_python_gets_one_stack_and_no_other(wheel: Path) -> None:
    for python in ("3.10", "3.11", "3.12", "3.13"):
        wanted = {need.name: need.specifier for need in needs(wheel, python=python)}
        assert ("tensorflow-addons" in wanted) == (python == "3.10") != ("tf-keras" in wanted)
        assert wanted["tensorflow"].contains("2.15.1") == (python == "3.10")
        assert wanted["tensorflow"].contains("2.21.0") == (python != "3.10")
        assert wanted["tfx"].contains("1.15.1" if python == "3.10" else "1.21.0")
        keras = [need.specifier for need in needs(wheel, python=python) if need.name == "tf-keras"]
        assert all(one.contains("2.18.0") for one in keras) == (python in ("3.10", "3.11"))
        assert all(one.contains("2.19.0") for one in keras)


def test_every_package_that_is_imported_is_asked_for(wheel: Path) -> None:
    """What comes along with another package today is gone with that one's next version."""
    asked = {re.sub(r"[-_.]+", "-", need.name).lower() for need in needs(wheel)}
    homes = distributions()
    used = {name: found for name in third_party_imports() if (found := homes.get(name))}
    used["google"] = {"protobuf"}  # a namespace of many distributions
    assert len(used) > 20
    assert {name: found for name, found in used.items() if not found & asked} == {}


def third_party_imports() -> set[str]:
    tops = {name.split(".")[0] for path in python_files(*PACKAGES) for name in imported(path)}
    return tops - sys.stdlib_module_names - {"", *PACKAGES}


def distributions() -> dict[str, set[str]]:
    """Top-level module -> the distributions that have files in it."""
    found = defaultdict(set)
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        for top in {file.parts[0].removesuffix(".py") for file in distribution.files or ()}:
            found[top].add(name)
    return found


def read_metadata(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return archive.read(name).decode().splitlines()


def test_its_command_works_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=tmp_path)
    python = venv / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    run(*pip, "--no-deps", "--no-index", wheel, cwd=tmp_path)
    # Its dependencies come from here instead of a registry. A line in a .pth file makes a folder
    # importable and does not read that folder's own .pth files: the checkout stays out of sight.
    (site,) = (venv / "lib").glob("python*/site-packages")
    here = Path(pytest.__file__).parents[1]
    (site / "dependencies.pth").write_text(f"{here}\n", encoding="utf-8")

    where = run(python, "-c", "import perceiver_keras as p; print(p.__file__)", cwd=tmp_path)
    assert where.startswith(str(site))
    assert re.search(r"^ +run ", run(venv / "bin" / "perceiver", "--help", cwd=tmp_path), re.M)
    assert "image_classification" in run(venv / "bin" / "perceiver", "tasks", cwd=tmp_path)
