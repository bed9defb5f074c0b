"""What is installed is held against what is asked for: distributions written to disk, and the real ones."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from perceiver_keras.commands.shared import requirements


@pytest.fixture
def install(tmp_path: Path, monkeypatch):
    """`install(name, version, *requirements)`: its metadata, as an installer leaves it."""
    monkeypatch.syspath_prepend(tmp_path)
    requirements._needs.cache_clear()

    def write(name: str, version: str, *needs: str, extras: tuple[str, ...] = ()) -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Provides-Extra: {extra}" for extra in extras]
        lines += [f"Requires-Dist: {need}" for need in needs]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")

    yield write
    requirements._needs.cache_clear()


def unmet(project: str) -> dict[str, dict[str, str]]:
    return {
        name: entry.unmet for name, entry in requirements.wanted(project).items() if entry.unmet
    }


def test_a_version_outside_a_range_is_found_with_who_wants_which(install) -> None:
    install("our-project", "1.0", "their-library>=2", "their-messages<1.17,>=1.13")
    install("Their.Library", "2.5", "their-messages", "their-base<3")
    install("their-messages", "1.21.0")
    install("their-base", "3.1")
    assert unmet("our-project") == {
        "their-messages": {"our-project": "<1.17,>=1.13"},
        "their-base": {"their-library": "<3"},
    }
    found = requirements.wanted("our-project")
    assert found["their-messages"].requirement == "their-messages<1.17,>=1.13"


def test_what_is_not_installed_is_unmet_and_optional_below_an_extra(install) -> None:
    needs = ("their-library", "their-graph ; extra == 'pipeline'", "their-tests ; extra == 'dev'")
    install("our-project", "1.0", *needs, extras=("pipeline", "dev"))
    found = requirements.wanted("our-project")
    assert {name: entry.optional for name, entry in found.items()} == {
        "their-library": False,
        "their-graph": True,
    }
    assert found["their-library"].unmet == {"our-project": ""}


def test_a_requirements_own_extra_is_followed_and_other_machines_markers_are_not(install) -> None:
    install("our-project", "1.0", "their-beam[cloud]>=1")
    cloud = "their-cloud<2 ; extra == 'cloud'"
    install("their-beam", "1.5", cloud, "their-doc<1 ; extra == 'doc'", extras=("cloud", "doc"))
    install("their-cloud", "2.0", "their-windows ; sys_platform == 'win32'")
    assert unmet("our-project") == {"their-cloud": {"their-beam": "<2"}}


def test_two_who_want_the_same_are_both_met_by_the_command(install) -> None:
    install("our-project", "1.0", "one", "other")
    install("one", "1", "base>=41")
    install("other", "1", "base<81,>=41")
    install("base", "84.2")
    entry = requirements.wanted("our-project")["base"]
    assert entry.unmet == {"other": "<81,>=41"}
    assert str(Requirement(entry.requirement).specifier) == "<81,>=41"


def test_below_is_all_that_a_package_leads_to(install) -> None:
    install("our-project", "1.0", "a")
    install("a", "1", "b")
    install("b", "1", "c", "a")  # circles exist
    install("c", "1")
    project = requirements.wanted("our-project")
    assert requirements.below("b", project) == {"a", "b", "c"}
    assert requirements.below("c", project) == {"c"}


def test_what_was_never_installed_wants_nothing() -> None:
    assert requirements.wanted("no-such-project") == {}
    assert requirements.installed("no-such-project") is None
    assert requirements.installed("numpy") == importlib.metadata.version("numpy")


def test_here_everything_agrees() -> None:
    """As `uv pip check` says of an environment that was made from the lock."""
    found = requirements.wanted()
    odd = {
        name: entry.unmet
        for name, entry in found.items()
        if entry.unmet and requirements.installed(name)
    }
    assert odd == {} and {"numpy", "tfx", "tensorflow-metadata"} <= found.keys()


def test_the_command_installs_into_this_environment(monkeypatch) -> None:
    wanted = "tensorflow-metadata>=1.13,<1.17"
    words = shlex.split(requirements.install_command(wanted))
    assert words == [sys.executable, "-m", "pip", "install", wanted]
    monkeypatch.setattr(requirements.importlib.util, "find_spec", lambda name: None)
    words = shlex.split(requirements.install_command("a==1", again=True))
    assert words[:5] == ["uv", "pip", "install", "--python", sys.executable]
    assert words[5:] == ["--force-reinstall", "--no-deps", "a==1"]
