"""The page in a real headless Chromium: asked as people ask it, and with what people should not do."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from perceiver_keras.server.settings import Limits, ModelSource
from perceiver_keras.show import flow as shown_flow
from perceiver_keras.tasks.token_classification import predict as tokens
from tests import chromium
from tests.chromium import Tab
from tests.server import page_models as made
from tests.server import tiny_models
from tests.server.running import running

pytestmark = pytest.mark.skipif(chromium.binary() is None, reason=chromium.MISSING)

LIMITS = Limits(max_request_bytes=1 << 20)
PURPLE = made.plain(100, 0, 200)
PAIR = (made.plain(9, 9, 9, 12), made.plain(9, 9, 9, 12))
TAGS = {"tags": ["outside", "CAPITAL", "OTHER"]}
DONE = "!document.getElementById('ask').disabled && !document.getElementById('timing').textContent.startsWith('Asking')"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A server with four models and one that is not ready, and a browser."""
    folder = tmp_path_factory.mktemp("browser")
    red = made.plain(255, 0, 0)
    made.save(
        folder / "colours" / "1",
        made.colours,
        "image_classification",
        [(red,)],
        made.COLOURS,
        attention=made.corner,
    )
    made.save(folder / "zoom" / "1", made.zoom, "optical_flow", [PAIR])
    made.save(folder / "gaps" / "1", made.fill, "language_mlm", [("a [MASK]",)])
    made.save(
        folder / "tags" / "1",
        made.tags,
        "token_classification",
        [("A b",)],
        None,
        TAGS,
        made.capitals,
    )
    (folder / "later").mkdir()
    names = ("colours", "gaps", "later", "tags", "zoom")
    sources = [ModelSource(name=n, base_path=str(folder / n)) for n in names]
    with running(sources, limits=LIMITS) as server, chromium.chromium() as browser:
        yield SimpleNamespace(server=server, browser=browser, folder=folder)


@pytest.fixture
def open_page(page: SimpleNamespace) -> Iterator:
    """Opens the page in a tab at a model; at the end nothing may have been thrown or asked elsewhere."""
    tabs: list[Tab] = []

    def opened(name: str) -> Tab:
        tab = Tab(page.browser)
        tabs.append(tab)
        tab.open(f"{page.server.addresses[1]}/#{name}")
        tab.wait(f"document.querySelector('input[name=model]:checked')?.value === '{name}'")
        tab.wait("document.getElementById('form').childElementCount")
        return tab

    yield opened
    for tab in tabs:
        # What the server refuses, and a server that is away, Chromium logs by itself.
        own = [text for text in tab.problems if "Failed to load resource" not in text]
        here = (page.server.addresses[1] + "/", "blob:", "data:", "about:blank")
        elsewhere = [address for address in tab.asked if not address.startswith(here)]
        tab.close()
        assert (own, elsewhere) == ([], [])


def ask(tab: Tab) -> str:
    """Presses the button, and returns what the answer's side shows."""
    tab.run("document.getElementById('shown').replaceChildren()")
    tab.click("#ask")
    tab.wait(f"{DONE} && document.getElementById('shown').childElementCount")
    return tab.text("#shown")


def put(tab: Tab, *paths: Path) -> None:
    """Drops files, and waits until they are shown or refused."""
    tab.run("document.getElementById('shown').replaceChildren()")
    tab.files("input[type=file]", paths)
    tab.wait("document.querySelector('.previews img, .error')")


def test_a_picture_becomes_bars_and_programs_that_give_the_same(page, open_page, tmp_path) -> None:
    (tmp_path / "it's mine.png").write_bytes(PURPLE)
    tab = open_page("colours")
    put(tab, tmp_path / "it's mine.png")
    answer = ask(tab)
    assert answer.splitlines()[0] == "blue"
    assert [line for line in answer.splitlines() if "%" in line] == ["66.7%", "33.3%", "0.0%"]
    # A label of the model is text, whatever it looks like.
    assert made.HOSTILE in answer and tab.run("document.title") == "Perceiver models"
    assert "ms" in tab.text("#timing") and "sent" in tab.text("#timing")
    curl, python = (
        tab.run(f"document.querySelectorAll('.program pre')[{i}].textContent") for i in (0, 1)
    )
    found = subprocess.run([sys.executable, "-c", python], capture_output=True, check=True)
    probabilities = ast.literal_eval(found.stdout.decode())["predictions"][0]["probabilities"]
    np.testing.assert_allclose(probabilities, [1 / 3, 0, 2 / 3], atol=1e-6)
    if shutil.which("curl"):
        told = subprocess.run(["sh", "-c", f"{curl} -s"], capture_output=True, check=True).stdout
        assert json.loads(told)["predictions"][0]["label"] == "blue"


OPEN = "document.querySelector('.answer > details:last-child summary')"


def test_what_the_latents_attended_to_is_bright_where_the_model_looks(open_page, tmp_path) -> None:
    (tmp_path / "white.png").write_bytes(made.plain(255, 255, 255, 40))
    tab = open_page("colours")
    put(tab, tmp_path / "white.png")
    ask(tab)
    assert tab.run(f"{OPEN}.innerText") == "What the latents attended to"
    tab.run(f"{OPEN}.click()")
    tab.wait("document.querySelector('.answer canvas')")
    lightness = tab.run(
        """(() => {
          const surface = document.querySelector('.answer canvas');
          const context = surface.getContext('2d');
          const at = (x, y) => context.getImageData(x * surface.width, y * surface.height, 1, 1).data[0];
          return [at(.1, .5), at(.9, .5), at(.35, .25), at(.65, .25), at(.35, .75), at(.65, .75)];
        })()"""
    )
    dark, half = 255 * 0.3, 255 * (1 - 0.7 / 2)
    # Beside what is seen; then its four corners, with 0.5, 0, 0.25 and 0.25 of the attention.
    np.testing.assert_allclose(lightness, [dark, dark, 255, dark, half, half], atol=2)
    assert "The model sees the middle of the picture." in tab.text(".answer details")


def test_a_text_is_marked_where_it_was_read(open_page) -> None:
    tab = open_page("tags")
    tab.fill("textarea", "aBéC <b> and what is in no window")
    ask(tab)
    tab.run(f"{OPEN}.click()")
    tab.wait("document.querySelector('.attended')")
    marks = tab.run(
        "[...document.querySelectorAll('.read')].map((one) => [one.textContent, one.style.getPropertyValue('--read')])"
    )
    assert "".join(letter for letter, _ in marks) == "aBéC <b"
    assert [letter for letter, share in marks if share == "100%"] == ["B", "C"]
    assert {share for letter, share in marks if letter not in "BC"} == {"0%"}
    assert "in another window" in tab.text(".answer > details")


def test_an_export_without_it_shows_no_attention(open_page) -> None:
    tab = open_page("gaps")
    tab.fill("textarea", "a [MASK]")
    assert "attended" not in ask(tab)


def test_several_pictures_are_asked_together(open_page, tmp_path) -> None:
    for name, colour in (("1.png", (0, 0, 9)), ("2.png", (9, 0, 0))):
        (tmp_path / name).write_bytes(made.plain(*colour))
    tab = open_page("colours")
    put(tab, tmp_path / "1.png", tmp_path / "2.png")
    ask(tab)
    assert tab.run("[...document.querySelectorAll('.verdict')].map((one) => one.innerText)") == [
        "blue",
        "red",
    ]


def test_the_example_that_is_there(open_page) -> None:
    tab = open_page("colours")
    tab.click("#example")
    tab.wait("document.querySelector('.previews img')")
    assert "example 1 of 1" in tab.text(".previews") and ask(tab).startswith("red")


def test_flow_has_the_colours_of_our_reports(open_page) -> None:
    tab = open_page("zoom")
    tab.click("#example")
    tab.wait("document.querySelectorAll('.previews img').length === 2")
    answer = ask(tab)
    assert "longest motion is 1.70 pixels" in answer  # in the corner: 6 / 5 in both directions
    y, x = np.mgrid[:12, :12] - 6.0
    flow = np.stack([x, y], -1) / 5
    flow[3, 3] = 1e10, 0  # unknown
    script = "import('/page/flow.js').then((m) => {} .map((row) => row.map(([u, v]) => m.colour(u, v, 1.2))))"
    colours = tab.run(script.replace("{}", json.dumps(flow.tolist())))
    wanted = shown_flow.to_colours(flow, 1.2)
    np.testing.assert_allclose(colours, wanted.astype(int), atol=1)  # two libraries' arctan
    pixels = tab.run(
        "[...document.querySelector('#shown canvas').getContext('2d').getImageData(0, 0, 12, 12).data]"
    )
    drawn = shown_flow.to_colours(np.float32(np.stack([x, y], -1) / 5))
    found = np.reshape(pixels, [12, 12, 4])[..., :3]
    np.testing.assert_allclose(found, drawn.astype(int), atol=1)
    assert tab.run("document.querySelectorAll('#shown canvas').length") == 3  # and arrows, a legend


def test_gaps_are_filled_and_a_text_is_never_markup(open_page) -> None:
    tab = open_page("gaps")
    tab.fill("textarea", "<b>b[MASK]ld</b> & [MASK]")
    ask(tab)
    assert tab.text(".text") == "<b>beld</b> & e" and tab.run(
        "document.querySelector('.text b')"
    ) in (None, {})
    assert "50.0%" in tab.text("#shown") and "␣ (a space)" in tab.text("#shown")
    tab.run("document.querySelectorAll('button.gap')[1].click()")
    assert "gap 2 of 2" in tab.text("#shown")
    tab.run(
        "[...document.querySelectorAll('button.candidate')].find((b) => b.innerText === '<b>').click()"
    )
    assert tab.text(".text") == "<b>beld</b> & <b>"
    tab.fill("textarea", "none")
    assert "There is no gap in this text" in ask(tab)


def test_selected_letters_become_gaps(open_page) -> None:
    tab = open_page("gaps")
    tab.fill("textarea", "naïve")
    tab.run("document.querySelector('textarea').setSelectionRange(2, 3)")
    tab.run(
        "[...document.querySelectorAll('button')].find((b) => b.innerText.startsWith('Hide')).click()"
    )
    assert tab.run("document.querySelector('textarea').value") == "na[MASK][MASK]ve"


def test_tags_are_those_of_predict(open_page) -> None:
    text = "A naïve BC 日本 🙂X"
    tab = open_page("tags")
    tab.fill("textarea", text)
    ask(tab)
    marked = tab.run(
        "[...document.querySelectorAll('mark')]"
        ".map((m) => [m.firstChild.textContent, m.querySelector('.tag').textContent])"
    )
    content = text.encode()
    kinds = [
        b"CAPITAL" if chr(b).isupper() and b < 128 else b"OTHER" if b > 127 else b""
        for b in content
    ]
    outputs = {"text": [content], "entity": [np.array(kinds, object)]}
    outputs["score"] = [np.ones(len(content), np.float32)]
    (wanted,) = tokens.answers(outputs, None, 5)
    assert marked == [[one["word"], one["entity"]] for one in wanted]


@pytest.mark.parametrize(
    ("model", "file", "content", "words"),
    [
        ("colours", "notes.txt", b"dear diary", ["notes.txt is not a picture", "dear diary"]),
        ("colours", "empty.png", b"", ["empty.png is empty"]),
        ("colours", "cut.png", PURPLE[:40], ["The model does not take this input", "own words"]),
        ("colours", "huge.png", PURPLE + bytes(2 << 20), ["too large", "--max-request-mb"]),
        ("gaps", None, b"  ", ["There is no text yet"]),
        ("colours", None, None, ["There is no picture yet"]),
    ],
)
def test_what_can_go_wrong_is_told_kindly(open_page, tmp_path, model, file, content, words) -> None:
    tab = open_page(model)
    if file:
        (tmp_path / file).write_bytes(content)
        put(tab, tmp_path / file)
    elif content:
        tab.fill("textarea", content.decode())
    told = tab.text(".error") or ask(tab)
    assert all(word in told for word in words), told
    # The page goes on.
    tab.click("#example")
    tab.wait("document.querySelector('.previews img') || document.querySelector('textarea')?.value")
    tab.wait("!document.querySelector('.error')")
    assert "%" in ask(tab)


def test_a_model_that_is_not_ready_is_told_and_comes_by_itself(page, open_page) -> None:
    tab = open_page("later")
    assert "later is not ready" in tab.text("#form")
    saved = made.save(page.folder / "aside", made.tags, "token_classification", [("A",)])
    tiny_models.publish(saved, page.folder / "later", 1)
    tab.wait("document.querySelector('textarea')")
    tab.fill("textarea", "Yes")
    assert ask(tab).startswith("Y")


def test_two_tabs_do_not_disturb_each_other(open_page) -> None:
    one, two = open_page("colours"), open_page("gaps")
    two.fill("textarea", "[MASK]")
    one.click("#example")
    one.wait("document.querySelector('.previews img')")
    assert ask(two).startswith("e") and ask(one).startswith("red")


def test_everything_can_be_reached_with_the_keyboard(open_page) -> None:
    tab = open_page("colours")
    reached = []
    for _ in range(9):
        tab.press("Tab", 9)
        reached.append(
            tab.run("document.activeElement.innerText || document.activeElement.type || ''")
        )
    assert reached[0] == "Skip to the input" and "radio" in reached and "file" in reached
    assert reached.index("Ask the model") + 1 == reached.index("Take an example")
    tab.run("document.getElementById('example').focus()")
    tab.press("Enter", 13, "\r")
    tab.wait("document.querySelector('.previews img')")
    tab.run("document.querySelector('input[name=model]:checked').focus()")
    tab.press("ArrowRight", 39)
    tab.wait("location.hash === '#gaps' && document.querySelector('textarea')")


def test_the_policy_stops_what_would_be_put_into_the_page(open_page) -> None:
    tab = open_page("colours")
    tab.run(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.taken = 1'}))"
    )
    blocked = tab.run("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)")
    assert tab.run("window.taken ?? null") is None and blocked == "TypeError"
    assert any("Content Security Policy" in text for text in tab.problems)
    tab.problems.clear()
    tab.asked = [address for address in tab.asked if ":9/" not in address]


def test_narrow_and_wide_windows_fit(open_page) -> None:
    tab = open_page("zoom")
    tab.click("#example")
    tab.wait("document.querySelectorAll('.previews img').length === 2")
    ask(tab)
    for width, dark in ((320, False), (390, True), (1400, False)):
        tab.shape(width, 800, dark)
        assert tab.run("document.documentElement.scrollWidth") <= width
        ground = tab.run("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) < 200) == dark


def test_a_server_that_stops_is_told_and_what_was_entered_stays(page, open_page, tmp_path) -> None:
    """Last: a server of its own on the same pages, which goes away and comes back."""
    sources = [ModelSource(name="gaps", base_path=str(page.folder / "gaps"))]
    tab = open_page("gaps")
    with running(sources, limits=LIMITS) as second:
        rest = second.ports["rest"]
        tab.open(f"http://127.0.0.1:{rest}/")
        tab.wait("document.querySelector('textarea')")
        tab.fill("textarea", "kept [MASK]")
    assert "The server does not answer" in ask(tab)
    tab.wait("!document.getElementById('banner').hidden")
    with running(sources, limits=LIMITS, ports=(0, rest)):
        tab.wait("document.getElementById('banner').hidden")
        assert ask(tab).startswith("kept e")
    tab.asked = [address for address in tab.asked if f":{rest}/" not in address]
