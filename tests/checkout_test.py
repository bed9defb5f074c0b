"""`pipeline/` and `components/` have one name everywhere, and nobody's own packages of those names are touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_keras import checkout

PACKAGES = pytest.mark.parametrize("package", checkout.NEXT_TO_IT)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout whose packages hold a module of two lines, next to the real `checkout.py`."""
    root = tmp_path / "checkout"
    inside = root / "perceiver_keras"
    inside.mkdir(parents=True)
    (inside / "__init__.py").write_text(
        "from perceiver_keras import checkout\n\ncheckout.install()\n"
    )
    shutil.copy(checkout.__file__, inside)
    for package in checkout.NEXT_TO_IT:
        (root / package).mkdir()
        (root / package / "__init__.py").write_text(
            "from perceiver_keras import checkout\n\ncheckout.one_name(__name__)\n"
        )
        (root / package / "part.py").write_text("class Thing: ...\n\n\nprint(__name__)\n")
    return root


def python(*arguments: str, cwd: Path, path: Path | None = None) -> str:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if path:
        env["PYTHONPATH"] = str(path)
    # -S: without the editable install of this checkout.
    done = subprocess.run(
        [sys.executable, "-S", *arguments], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@PACKAGES
@pytest.mark.parametrize("order", [("", "perceiver_keras."), ("perceiver_keras.", "")])
def test_both_names_are_one_module(copy: Path, package: str, order: tuple[str, str]) -> None:
    """Whichever comes first, the module runs once, and its classes pickle under the long name."""
    program = "".join(f"import {prefix}{package}.part\n" for prefix in order) + (
        f"import sys, perceiver_keras\n"
        f"import {package} as short, perceiver_keras.{package} as long\n"
        f"assert short is long is perceiver_keras.{package}\n"
        f"assert sys.modules['{package}.part'] is sys.modules['perceiver_keras.{package}.part']\n"
        f"assert short.part.Thing.__module__ == 'perceiver_keras.{package}.part'\n"
    )
    assert python("-c", program, cwd=copy) == f"perceiver_keras.{package}.part"


@PACKAGES
def test_ones_own_package_of_that_name_stays_ones_own(
    copy: Path, package: str, tmp_path: Path
) -> None:
    own = tmp_path / "mine" / package
    own.mkdir(parents=True)
    (own / "__init__.py").write_text("")
    (own / "part.py").write_text("MINE = True\n")
    (own / "only_mine.py").write_text("")
    program = (
        f"import {package}.part, perceiver_keras.{package}.part, {package}.only_mine\n"
        f"assert {package}.part.MINE and perceiver_keras.{package}.part.Thing\n"
    )
    assert python("-c", program, cwd=own.parent, path=copy) == f"perceiver_keras.{package}.part"


@PACKAGES
def test_installed_they_are_found_inside(copy: Path, package: str, tmp_path: Path) -> None:
    site = shutil.copytree(copy, tmp_path / "site")
    shutil.move(site / package, site / "perceiver_keras" / package)
    program = f"import perceiver_keras.{package}.part as part; print(part.__file__)"
    told = python("-c", program, cwd=tmp_path, path=site).splitlines()
    assert told[-1] == str(site / "perceiver_keras" / package / "part.py")


@PACKAGES
def test_a_module_runs_by_its_short_name(copy: Path, package: str) -> None:
    assert python("-m", f"{package}.part", cwd=copy) == "__main__"


@PACKAGES
def test_a_module_that_is_not_there_is_not_found(copy: Path, package: str) -> None:
    for name in (f"{package}.nowhere", f"perceiver_keras.{package}.nowhere"):
        program = (
            f"import {package}\ntry:\n    import {name}\n"
            "except ModuleNotFoundError as error:\n    print(error)"
        )
        assert python("-c", program, cwd=copy) == f"No module named '{name}'"


def test_installing_again_has_no_effect() -> None:
    before = list(sys.meta_path)
    checkout.install()
    assert sys.meta_path == before
