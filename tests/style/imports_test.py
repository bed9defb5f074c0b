"""Imports go one way. BUILD draws the diagram; every import is held against it."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perceiver_keras.checkout import NEXT_TO_IT
from tests.style.tree import PACKAGES, ROOT, imported, python_files, read


@functools.cache
def diagram() -> dict[str, tuple[list[str], list[str]]]:
    """BUILD's LIBRARIES: name -> (patterns of files, names it may import)."""
    return build_constant("LIBRARIES")


def build_constant(name: str) -> Any:
    """A constant of BUILD; its language, Starlark, is written like Python."""
    for node in ast.parse(read("BUILD")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"BUILD has no {name}")


@functools.cache
def members() -> dict[str, set[Path]]:
    return {
        name: {path.relative_to(ROOT) for pattern in patterns for path in ROOT.glob(pattern)}
        for name, (patterns, _) in diagram().items()
    }


@functools.cache
def library_of(path: Path) -> str:
    return next((name for name, paths in members().items() if path in paths), "no library")


@functools.cache
def reachable(name: str) -> set[str]:
    """The library itself and all that it stands on."""
    found, todo = set(), [name]
    while todo:
        here = todo.pop()
        if here not in found and here in diagram():
            found.add(here)
            todo += diagram()[here][1]
    return found


def modules_of(path: Path) -> str:
    """The name to import it by: `pipeline/` and `components/` are in `perceiver_keras` when installed."""
    parts = path.with_suffix("").parts
    if parts[0] in NEXT_TO_IT:
        parts = ("perceiver_keras", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_file_has_one_place_in_the_diagram() -> None:
    places = {
        str(path): [name for name, paths in members().items() if path in paths]
        for path in python_files(*PACKAGES)
    }
    wrong = {path: names for path, names in places.items() if len(names) != 1}
    assert wrong == {}, "give each file its place in BUILD's LIBRARIES"


def test_every_test_is_in_one_row_of_build() -> None:
    """A test file that no row names would silently not run under Bazel."""
    rows = [pattern for patterns, *_ in build_constant("TESTS") for pattern in patterns]
    found = [path.relative_to(ROOT) for pattern in rows for path in ROOT.glob(pattern)]
    tests = [path for path in python_files("tests") if path.name.endswith("_test.py")]
    assert sorted(map(str, found)) == sorted(map(str, tests))


def test_every_pattern_of_build_finds_something() -> None:
    """Bazel stops at an empty glob; this says so where there is no Bazel."""
    patterns = [pattern for files, _ in diagram().values() for pattern in files]
    patterns += [pattern for files, *_ in build_constant("TESTS") for pattern in files]
    assert [pattern for pattern in patterns if not list(ROOT.glob(pattern))] == []


def test_the_diagram_has_no_circle() -> None:
    libraries = diagram()
    for name, (_, below) in libraries.items():
        assert all(name not in reachable(other) for other in below), name


def test_imports_go_one_way() -> None:
    home = {modules_of(path): name for name, paths in members().items() for path in paths}
    wrong = []
    for path in python_files(*PACKAGES):
        if path == Path("perceiver_keras/__init__.py"):
            continue  # its public names are lazy; the next test says so
        granted = reachable(library_of(path))
        for name in imported(path):
            if name in home and name != "perceiver_keras" and home[name] not in granted:
                wrong.append(f"{path} imports {name} ({library_of(path)} -> {home[name]})")
    assert wrong == []


def test_what_lies_next_to_the_package_is_imported_by_its_long_name() -> None:
    """The short one is for a checkout alone: whoever installs the wheel has no `pipeline`, or another."""
    short = {
        str(path): sorted(found)
        for path in python_files(*PACKAGES, "examples", "tests")
        if (found := {name for name in imported(path) if top_level(name) in NEXT_TO_IT})
    }
    assert short == {}


def top_level(name: str) -> str:
    return name.split(".")[0]


def test_only_components_and_pipeline_import_tfx() -> None:
    tfx = {"tfx", "ml_metadata", "tensorflow_model_analysis", "tensorflow_transform", "kfp"}
    wrong = {
        str(path): sorted(found)
        for path in python_files("perceiver_keras")
        if (found := {top_level(name) for name in imported(path)} & tfx)
    }
    assert wrong == {}


def test_the_package_never_imports_the_tests() -> None:
    """Scripts may: they are never installed."""
    outside = [path for path in python_files() if path.parts[0] not in ("tests", "scripts")]
    assert [str(path) for path in outside if "tests" in map(top_level, imported(path))] == []


@pytest.mark.parametrize("module", ["train", "evaluate", "export", "serve", "training"])
def test_the_machinery_knows_the_contract_and_no_task_by_name(module: str) -> None:
    from perceiver_keras.tasks import registry

    names = (module, f"{module}.py")
    paths = [path for path in python_files("perceiver_keras") if path.parts[1] in names]
    assert paths, f"{module} is gone: take it off this list"
    for path in paths:
        constants = {node.value for node in ast.walk(ast.parse(read(path))) if is_text(node)}
        assert constants & set(registry.names()) == set(), path
        # A warm start reads the weights of other models: it knows models, and still no task.
        known = {"task", "contract"}
        if path.name in ("warm_start.py", "fine_tuning.py"):
            known |= {"transfer"}
        if path.name == "warm_start.py":
            known |= {"model", "official", "preset_folder", "run_folder"}
        for name in imported(path):
            if name.startswith("perceiver_keras.tasks."):
                assert name.split(".")[2] in known, f"{path} imports {name}"


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_tasks_do_not_import_each_other() -> None:
    from perceiver_keras.tasks import registry

    for path in python_files("perceiver_keras"):
        if path.parts[1] != "tasks":
            continue
        own = path.parts[2].removesuffix(".py")
        named = {name.split(".")[2] for name in imported(path) if name.count(".") >= 2}
        others = named & set(registry.names()) - {own}
        assert others == set(), path


@pytest.mark.parametrize("module", ["perceiver_keras", "perceiver_keras.cli"])
def test_importing_is_light(module: str) -> None:
    """`perceiver --help` must answer in under a second; TensorFlow alone takes seven."""
    heavy = ["tensorflow", "keras", "tfx", "apache_beam", "tensorflow_datasets", "matplotlib"]
    program = f"import json, sys, {module}; print(json.dumps([*{{*{heavy}}} & {{*sys.modules}}]))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def with_helpers(test: Path) -> set[str]:
    """What a test imports, and what the helpers import that it imports."""
    found, todo = set(), [test]
    while todo:
        for name in imported(todo.pop()) - found:
            found.add(name)
            helper = Path(*name.split(".")).with_suffix(".py")
            if helper.parts[0] == "tests" and (ROOT / helper).is_file():
                todo.append(helper)
    return found


def test_tests_import_what_their_row_of_build_grants() -> None:
    """Under Bazel a test has the libraries of its row alone; helpers of tests come along."""
    home = {modules_of(path): name for name, paths in members().items() for path in paths}
    wrong = []
    for patterns, granted, *_ in build_constant("TESTS"):
        reached = {"perceiver_keras"}.union(*(reachable(name) for name in granted))
        for path in (path.relative_to(ROOT) for pattern in patterns for path in ROOT.glob(pattern)):
            wrong += [
                f"{path} imports {name} ({home[name]})"
                for name in sorted(with_helpers(path) & home.keys() - {"perceiver_keras"})
                if home[name] not in reached
            ]
    assert wrong == []
