"""The documentation site's pages: all of them are in its navigation, tasks have one shape, and links lead somewhere.

`make docs` builds the site strictly, in an environment of its own; this needs none of it.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from perceiver_keras.tasks import registry

ROOT = Path(__file__).absolute().parents[2]
HEADINGS = (
    *("What it does", "A picture", "One command", "Your own data"),
    *("Fine-tune", "Serve", "Figures", "Limits"),
)


class Loader(yaml.SafeLoader):
    """Takes a Python name, as mkdocs has it, for its text."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda loader, name, node: name)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_site", ROOT / "scripts" / "build_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    script.OUT = tmp_path_factory.mktemp("site") / "pages"
    script.main()
    return script.OUT


def in_navigation(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in in_navigation(part)]


def test_every_page_is_in_the_navigation_once(site: Path) -> None:
    config = yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)
    assert config["strict"] is True
    pages = [path.relative_to(site).as_posix() for path in site.rglob("*.md")]
    assert sorted(in_navigation(config["nav"])) == sorted(pages)


@pytest.mark.parametrize("task", registry.names())
def test_every_task_has_a_page_of_one_shape(site: Path, task: str) -> None:
    page = (site / "tasks" / f"{task}.md").read_text()
    assert tuple(re.findall(r"^## (.*)$", page, re.M)) == HEADINGS
    sections = re.split(r"^## .*$", page, flags=re.M)[1:]
    assert all(len(section.strip()) > 20 for section in sections), "a section is empty"
    assert all(f"| `{name}` |" in sections[6] for name in registry.get(task).presets)
    (picture,) = re.findall(r"^!\[[^\]]+\]\((.*\.png)\)$", sections[1], re.M)
    assert 1_000 < (site / "tasks" / picture).stat().st_size < 150_000
    for command in re.findall(r"^perceiver (\w+) (\w+)", page, re.M):
        assert command[1] in (task, "runs")


def test_links_of_pages_lead_to_pages(site: Path) -> None:
    wrong = []
    for page in site.rglob("*.md"):
        code = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.S)
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", code):
            if "://" not in link and not (page.parent / link).exists():
                wrong.append((page.name, link))
    assert wrong == []


def test_a_link_that_leads_nowhere_stops_the_build(script: ModuleType) -> None:
    known = script.pages()
    with pytest.raises(SystemExit, match="the link none.md leads nowhere"):
        script.with_links("[a](none.md)", Path("README.md"), known)
    text = "[a](docs/gate.md#x), [code](setup.py), [out](https://example.org)"
    expected = "[a](gate.md#x), code, [out](https://example.org)"
    assert script.with_links(text, Path("README.md"), known) == expected


def test_modules_of_the_api_exist(script: ModuleType) -> None:
    for _, modules in script.API.values():
        for name in modules:
            assert (ROOT / "perceiver_keras" / f"{name.replace('.', '/')}.py").is_file(), name
