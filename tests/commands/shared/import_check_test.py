"""Libraries that raise, hang, crash or end Python: written to disk, and imported for real."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from perceiver_keras.commands.shared import import_check
from perceiver_keras.commands.shared.import_check import Imported, import_all

BROKEN = {
    "good": "print('x' * 100_000)\n",
    "raises": "raise RuntimeError('first line\\nsecond line')\n",
    "needs": "import nowhere.to_be_found\n",
    "crashes": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n",
    "ends": "import os, sys\nprint('no licence', file=sys.stderr)\nsys.stderr.flush()\nos._exit(3)\n",
    "leaves": "raise SystemExit(4)\n",
    "hangs": "import time\ntime.sleep(600)\n",
    "leaves_a_child": "import subprocess\nsubprocess.Popen(['sleep', '100'])\n",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch) -> Path:
    """A folder for libraries, where this process and so the others find them."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    for name, code in BROKEN.items():
        (folder / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    return folder


def install(site: Path, name: str, version: str, **files: str) -> None:
    """A package of these files, with the record that an installer leaves."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    paths = [f"{name}/{file}.py" for file in files]
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in paths))
    (site / name).mkdir()
    for path, code in zip(paths, files.values(), strict=True):
        (site / path).write_text(code)


def test_each_kind_of_failure_is_told_and_the_others_are_imported(site: Path) -> None:
    chain = ["raises", "good", "crashes", "ends", "leaves", "needs", "json"]
    found = import_all(chain)
    assert list(found) == chain
    assert found["good"] == Imported("good") and found["json"] == Imported("json")
    assert found["raises"].error == "RuntimeError: first line"
    assert found["crashes"].error == "importing it crashes Python (SIGSEGV)"
    assert found["ends"].error == "importing it ends Python with exit code 3: no licence"
    assert found["leaves"].error.startswith("importing it ends Python with exit code 4")
    assert found["needs"].error == "ModuleNotFoundError: No module named 'nowhere'"


def test_one_that_hangs_is_given_up_and_chains_do_not_wait_for_each_other(site: Path) -> None:
    start = time.monotonic()
    found = import_all(["hangs", "json"], ["good", "csv"], [], timeout=3)
    assert found["hangs"].error == "importing it takes more than 3 s"
    assert not any(found[name].error for name in ("json", "good", "csv"))
    assert time.monotonic() - start < 300


def test_what_an_import_leaves_running_is_not_waited_for(site: Path) -> None:
    start = time.monotonic()
    assert not import_all(["leaves_a_child"])["leaves_a_child"].error
    assert time.monotonic() - start < 80


def test_the_package_whose_code_failed_is_named_not_the_one_that_was_asked_for(site: Path) -> None:
    install(site, "messages", "1.21", __init__="from json import no_such_thing\n")
    install(site, "datasets", "4.9", __init__="import messages\n")
    install(
        site, "wraps", "1.0",
        __init__="try:\n    import messages\nexcept ImportError as error:\n"
        "    raise RuntimeError('see above') from error\n",
    )  # fmt: skip
    found = import_all(["datasets", "wraps"])
    assert found["datasets"].error.startswith("ImportError: cannot import name 'no_such_thing'")
    assert found["datasets"].culprit == found["wraps"].culprit == "messages"


def test_a_file_that_is_gone_is_missed_by_its_own_package(site: Path) -> None:
    install(site, "whole", "1.0", __init__="import halved.rest\n")
    install(site, "halved", "2.0", __init__="", rest="")
    (site / "halved" / "rest.py").unlink()
    found = import_all(["whole", "halved.rest"])
    assert found["whole"].culprit == found["halved.rest"].culprit == "halved"


def test_pkg_resources_is_missed_by_setuptools() -> None:
    error = ModuleNotFoundError("No module named 'pkg_resources'", name="pkg_resources")
    assert import_check.culprit(error) == "setuptools"
    assert import_check.culprit(ValueError("nobody's")) == ""
