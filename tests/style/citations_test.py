"""What code and pages cite is in the repository, or it is a paper."""

from __future__ import annotations

import re

from tests.style.tree import ROOT, python_files, read

PAGES = sorted((ROOT / "docs").glob("*.md"))
SECTIONS = {page.name: re.findall(r"^##+ (.+)$", page.read_text(), re.M) for page in PAGES}
# Notes that the project was planned with; a reader of the repository does not have them.
ELSEWHERE = re.compile(r"\b(SPEC|PAPER|DESIGN|FIELD|HOUSE|STACK|STYLE|PEERS)(\.md|:| [A-Z\"]|\)|,)")


def citations() -> list[tuple[str, str, str]]:
    """(file, page, section or "") of every mention of a page, with a section after a comma or in parentheses."""
    found = []
    for path in python_files():
        text = " ".join(line.strip(" #") for line in read(path).splitlines())
        for page, section in re.findall(r"docs/(\w+\.md)(?:,? \(?([A-Z][A-Za-z ]+))?", text):
            found.append((str(path), page, section.strip()))
    return found


def test_pages_and_sections_that_code_cites_exist() -> None:
    found = citations()
    assert len([section for *_, section in found if section]) > 20
    wrong = [
        (path, page, section)
        for path, page, section in found
        if page not in SECTIONS
        or (section and not any(section.startswith(title) for title in SECTIONS[page]))
    ]
    assert wrong == []


def test_nothing_cites_what_is_not_in_the_repository() -> None:
    here = "tests/style/citations_test.py"
    texts = {str(path): read(path) for path in python_files() if str(path) != here}
    texts |= {page.name: page.read_text() for page in [*PAGES, *ROOT.glob("*.md")]}
    wrong = {name: match[0] for name, text in texts.items() if (match := ELSEWHERE.search(text))}
    assert wrong == {}
