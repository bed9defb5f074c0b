"""The setup on a project of one small module: once, again, interrupted, moved, and two at a time."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

SETUP = """
from setuptools import setup
setup(name="perceiver-keras", version="0.1.0", py_modules=["small"])
"""
# Replaces the installation, which needs a registry, and leaves out pip, which takes ten seconds to
# unpack. The rest of the setup is the real one.
OFFLINE = """
import sys, time, pathlib, setup_venv
setup_venv.MAKE_VENV += ("--without-pip",)
setup_venv.runs = lambda python: python.exists()
def install(root):
    log = root / "installs.txt"
    with log.open("a") as handle:
        handle.write("start\\n")
    time.sleep(float(sys.argv[1]))
    (root / ".venv" / "installed").write_text("whole")
    with log.open("a") as handle:
        handle.write("end\\n")
setup_venv.install = install
setup_venv.ROOT = pathlib.Path(__file__).resolve().parents[1]
setup_venv.set_up(setup_venv.ROOT)
"""
LOCKS = ("requirements.lock", "requirements-modern.lock", "requirements-modern-core.lock")


@pytest.fixture(scope="module")
def setup_venv() -> ModuleType:
    path = Path(__file__).absolute().parents[2] / "scripts" / "setup_venv.py"
    spec = importlib.util.spec_from_file_location("setup_venv", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path, repository: Path) -> Path:
    root = tmp_path / "project"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(repository / "scripts" / "setup_venv.py", root / "scripts")
    (root / "perceiver_keras").mkdir()
    shutil.copy(repository / "perceiver_keras" / "stack.py", root / "perceiver_keras")
    (root / "scripts" / "offline.py").write_text(OFFLINE, encoding="utf-8")
    (root / "setup.py").write_text(SETUP, encoding="utf-8")
    (root / "pyproject.toml").write_text("", encoding="utf-8")
    for name in (*LOCKS, "requirements-schemas.lock"):
        (root / name).write_text("a==1\n", encoding="utf-8")
    return root


def start(root: Path, seconds: float = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(root / "scripts" / "offline.py"), str(seconds)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def set_up(root: Path) -> str:
    """Run the setup to its end; returns its output."""
    process = start(root)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    return said


def installs(root: Path) -> list[str]:
    return (root / "installs.txt").read_text(encoding="utf-8").split()


def test_a_second_run_installs_nothing_and_says_nothing(project: Path) -> None:
    assert "creating .venv" in set_up(project)
    assert set_up(project) == ""
    assert installs(project) == ["start", "end"]


@pytest.mark.parametrize(
    "name", ["lock", "requirements-schemas.lock", "setup.py", "pyproject.toml"]
)
def test_what_it_depends_on_is_watched(project: Path, setup_venv: ModuleType, name: str) -> None:
    before = setup_venv.wanted_stamp(project)
    name = setup_venv.lock_of(project).name if name == "lock" else name
    (project / name).write_text("# changed\n", encoding="utf-8")
    assert setup_venv.wanted_stamp(project) != before


def test_a_new_package_is_put_on_the_map(project: Path, setup_venv: ModuleType) -> None:
    before = setup_venv.wanted_stamp(project)
    (project / "extra").mkdir()
    (project / "extra" / "__init__.py").touch()
    assert setup_venv.wanted_stamp(project) != before


def test_a_changed_lock_installs_again_into_the_same_environment(
    project: Path, setup_venv: ModuleType
) -> None:
    set_up(project)
    (project / ".venv" / "kept").touch()
    setup_venv.lock_of(project).write_text("a==2\n", encoding="utf-8")
    assert "bringing it up to date" in set_up(project)
    assert (project / ".venv" / "kept").exists()
    assert installs(project) == ["start", "end"] * 2


def test_a_killed_set_up_is_begun_again(project: Path) -> None:
    process = start(project, seconds=60)
    deadline = time.monotonic() + 60
    while not (project / "installs.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, 9)
    process.communicate()
    (project / ".venv" / "half").touch()

    assert "interrupted" in set_up(project)
    assert not (project / ".venv" / "half").exists()
    assert (project / ".venv" / "installed").read_text(encoding="utf-8") == "whole"
    assert set_up(project) == ""


def test_two_at_once_install_once(project: Path) -> None:
    first = start(project, seconds=1)
    second = start(project, seconds=1)
    said = first.communicate(timeout=120)[1] + second.communicate(timeout=120)[1]
    assert first.returncode == second.returncode == 0, said
    assert "waiting for it" in said
    assert installs(project) == ["start", "end"]


def test_a_moved_environment_is_made_anew(project: Path) -> None:
    set_up(project)
    moved = project.rename(project.with_name("moved"))
    assert "moved or copied" in set_up(moved)
    assert str(moved) in (moved / ".venv" / "bin" / "activate").read_text(encoding="utf-8")


def test_uv_goes_where_pip_is_told_to_go(setup_venv: ModuleType, tmp_path: Path) -> None:
    listing = f"""\
global.index-url='https://one.example/simple'
:env:.index-url='https://two.example/simple'
global.extra-index-url='https://three.example/simple file:///nowhere/simple'
global.find-links='{tmp_path} /nowhere/at/all'
global.cert='/etc/certificates.pem'
global.trusted-host='two.example'
a line of no shape
"""
    env = setup_venv.uv_environment(setup_venv.pip_settings(listing), {"PATH": "x"})
    assert env["UV_DEFAULT_INDEX"] == "https://two.example/simple"
    assert env["UV_INDEX"] == "https://three.example/simple"
    assert env["UV_FIND_LINKS"] == str(tmp_path)
    assert env["SSL_CERT_FILE"] == "/etc/certificates.pem"
    assert env["UV_INSECURE_HOST"] == "two.example"
    assert env["PATH"] == "x"


def test_what_is_set_for_uv_itself_stays(setup_venv: ModuleType) -> None:
    given = {"UV_DEFAULT_INDEX": "https://mine.example", "PYTHONPATH": "astray", "PIP_TARGET": "x"}
    env = setup_venv.uv_environment({"index-url": "https://other.example"}, given)
    assert env["UV_DEFAULT_INDEX"] == "https://mine.example"
    assert not {"PYTHONPATH", "PIP_TARGET"} & set(env)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-schemas.lock"])
def test_a_missing_package_is_noticed(project: Path, setup_venv: ModuleType, name: str) -> None:
    set_up(project)
    for lock in (*LOCKS, "requirements-schemas.lock"):
        (project / lock).write_text("", encoding="utf-8")
    name = setup_venv.lock_of(project).name if name == "requirements.lock" else name
    (project / name).write_text("no-such-package==1\n", encoding="utf-8")
    with pytest.raises(setup_venv.SetupError, match="no-such-package==1"):
        setup_venv.check_installed(project)


def test_no_process_finds_what_only_tests_read(repository: Path) -> None:
    """`kubernetes` imports kubernetes_validate where it can, and TFX imports `kubernetes`: two seconds of each run."""
    pins = (repository / "requirements-schemas.lock").read_text(encoding="utf-8").split()
    modules = [pin.partition("==")[0].replace("-", "_") for pin in pins]
    program = "import importlib.util as u, sys; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    asked = subprocess.run([sys.executable, "-c", program, *modules, "os"], capture_output=True)
    assert asked.stdout.split() == [b"['os']"], "an older environment: remove .venv, `make setup`"


@pytest.mark.parametrize(
    "version, why_not, lock",
    [
        ((3, 10, 13), "", "requirements.lock"),
        ((3, 12, 1), "", "requirements-modern.lock"),
        ((3, 13, 0), "glibc 2.36", "requirements-modern-core.lock"),
    ],
)
def test_the_lock_is_that_of_the_python_and_the_machine(
    setup_venv: ModuleType, monkeypatch, version, why_not, lock
) -> None:
    monkeypatch.setattr(setup_venv.sys, "version_info", version)
    monkeypatch.setattr(setup_venv, "no_pipeline", lambda root: why_not)
    assert setup_venv.lock_of(Path("root")) == Path("root", lock)


def test_a_stack_asked_for_by_name_has_an_environment_of_its_own(
    setup_venv: ModuleType, monkeypatch
) -> None:
    for name, folder in (("modern", ".venv-modern"), ("classic", ".venv"), ("", ".venv")):
        monkeypatch.setenv("PERCEIVER_STACK", name)
        assert setup_venv.venv_of(Path("root")) == Path("root", folder)
