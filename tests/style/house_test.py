"""The files around the code: what they name exists, and nothing in them is of one machine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.style.tree import ROOT, files, read

TEXT = {
    ".py",
    ".md",
    ".sh",
    ".toml",
    ".cfg",
    ".yaml",
    ".yml",
    ".json",
    ".html",
    ".txt",
    ".lock",
    "",
}
PAGES = [path for path in files() if path.suffix == ".md" and path.parts[0] != "perceiver_keras"]


def text_files() -> list[Path]:
    here = Path("tests/style/house_test.py")  # it spells out what it looks for
    return [path for path in files() if path.suffix in TEXT and path != here]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z_-]+):", read("Makefile"), re.MULTILINE))


def commands(page: Path) -> list[list[str]]:
    """The command lines in a page's shell blocks, each as words."""
    blocks = re.findall(r"```(?:sh|bash|console|shell)\n(.*?)```", read(page), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = []
    for line in lines:
        line = line.strip().removeprefix("$ ")
        if re.match(r"(make|\.venv/bin/perceiver|perceiver)\b", line):
            words.append(shlex.split(line, comments=True))
    return words


def test_the_makefile_has_what_the_design_promises() -> None:
    assert {"setup", "run", "test", "lint", "lock", "help", "clean"} <= targets()


def test_every_target_says_what_it_does() -> None:
    described = set(re.findall(r"^([a-z_-]+):.*## \S", read("Makefile"), re.MULTILINE))
    assert described == targets()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_commands_in_the_documents_exist(page: Path) -> None:
    from perceiver_keras.cli import main

    for words in commands(page):
        if words[0] == "make":
            named = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            assert set(named) <= targets(), words
        elif len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in main.list_commands(None), words


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_between_the_documents_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", read(page))
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (ROOT / page.parent / link).exists()] == []


@pytest.mark.parametrize("name", [path.name for path in files() if path.suffix == ".lock"])
def test_a_lock_is_names_and_versions_only(name: str) -> None:
    lines = read(name).splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[\w.+!]+", line)] == []
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(set(names)), "made by `make lock`, not by hand"


def test_the_two_pins_that_a_resolver_does_not_find() -> None:
    lock = dict(line.split("==") for line in read("requirements.lock").split())
    assert lock["apache-beam"] == "2.59.0"
    assert int(lock["setuptools"].split(".")[0]) < 81


def test_no_file_names_a_machine_or_a_registry() -> None:
    folder = re.compile(r"(?<![\w.])/(?:root|work|home/\w+|Users/\w+)/")
    host = re.compile(r"https?://[^\s/]*(?:pypi|pythonhosted|npmjs|debian\.org|registry)[^\s]*")
    wrong = {
        str(path): found.group()
        for path in text_files()
        if (found := folder.search(read(path)) or host.search(read(path)))
    }
    assert wrong == {}


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b|mark\.skip\(|@flaky")
    wrong = {
        str(path): found.group()
        for path in text_files()
        if path.name not in ("CHANGELOG.md", "CONTRIBUTING.md")
        and (found := later.search(read(path)))
    }
    assert wrong == {}


def test_ci_runs_each_check_and_the_tests_last() -> None:
    made = re.findall(r"^\s*make (\w+)", read(".ci/run"), re.MULTILINE)
    assert made == ["setup", "lint", "bazel", "test"]


def test_the_license_is_apache_2() -> None:
    text = read("LICENSE")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "9. Accepting Warranty or Additional Liability" in text
