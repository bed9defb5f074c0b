"""Reads an HTML page: its visible words and the addresses it loads."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = ("img", "meta", "br", "wbr", "link", "!doctype")  # without an end tag


class Page(HTMLParser):
    """Visible text, every address that the page loads or leads to, the places in it, and what stands for pictures."""

    def __init__(self, text: str):
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.alts: list[str | None] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attributes if name == "id"]
        if tag == "img":
            self.alts.append(dict(attributes).get("alt") or "")
        self.addresses += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1:] not in (["style"], ["script"]):
            self.words.append(data.strip())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
