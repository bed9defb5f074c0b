"""What the server tells its page: files, models, examples and cards, with headers that let nothing else in."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from perceiver_keras.server import page
from perceiver_keras.server.settings import ModelSource
from tests.server import page_models as made
from tests.server import tiny_models
from tests.server.conftest import LIMITS
from tests.server.running import running

ROWS = [(made.plain(255, 0, 0),), (made.plain(0, 0, 255),)]

SLASHED = "<b>a/b</b> 1%"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, base: Path):
    """An export with examples, a model of others, and one whose only version is broken."""
    folder = tmp_path_factory.mktemp("page")
    made.save(folder / "colours" / "3", made.colours, "image_classification", ROWS, made.COLOURS)
    (folder / "broken" / "1").mkdir(parents=True)
    (folder / "broken" / "1" / "saved_model.pb").write_text("no")
    sources = [ModelSource(name=n, base_path=str(folder / n)) for n in ("colours", "broken")]
    sources += [ModelSource(name=name, base_path=str(base)) for name in ("half", SLASHED)]
    with running(sources, limits=LIMITS) as found:
        yield found


def test_the_page_and_its_files_let_nothing_else_in(served) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", served.ports["rest"], timeout=30)
    names = [path.name for path in page.WEB.iterdir()]
    for path in ["/", *(f"/page/{name}" for name in names), "/page/models"]:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200 and response.read(), path
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "unsafe" not in policy and "http" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
    connection.close()


def test_the_page_names_no_other_host_and_has_no_script_in_its_text() -> None:
    """Only the namespace of SVG looks like an address; nothing is fetched from there."""
    for path in page.WEB.iterdir():
        text = path.read_text("utf-8")
        hosts = set(re.findall(r"(?:https?:)?//[a-z0-9.]+\.[a-z]+[^\s\"']*", text))
        assert hosts <= {"http://www.w3.org/2000/svg"}, path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
        assert text.count("\n") <= 400, path.name
    index = (page.WEB / "index.html").read_text()
    assert re.findall(r"<script[^>]*>(.*?)</script>", index, re.S) == [""]
    assert " style=" not in index and " onclick=" not in index


def test_models_with_what_they_are_ready_for(served) -> None:
    status, told = served.ask("/page/models")
    assert status == 200 and told["max_request_bytes"] == LIMITS.max_request_bytes
    found = {model["name"]: model for model in told["models"]}
    assert list(found) == [SLASHED, "broken", "colours", "half"]
    assert found["colours"]["version"] == 3
    assert found["colours"]["versions"] == [{"version": 3, "state": "AVAILABLE", "error": None}]
    assert found["broken"]["version"] is None
    (version,) = found["broken"]["versions"]
    assert version["state"] == "END" and version["error"]


def test_a_model_says_what_it_takes_and_returns_and_is(served) -> None:
    status, about = served.ask("/page/models/colours")
    assert status == 200
    assert about["inputs"] == {"image_bytes": {"dtype": "string", "shape": [None]}}
    assert about["outputs"]["probabilities"] == {"dtype": "float", "shape": [None, 3]}
    assert (about["task"], about["version"]) == ("image_classification", 3)
    assert about["labels"] == made.COLOURS and about["model"] == {}
    half = served.ask("/page/models/half")[1]
    assert half["inputs"] == {"x": {"dtype": "float", "shape": [None]}} and half["model"] == {}


def test_examples_are_the_largest_recorded_request_and_answer(served) -> None:
    status, told = served.ask("/page/models/colours/examples")
    rows = [{"image_bytes": {"b64": base64.b64encode(picture).decode()}} for (picture,) in ROWS]
    assert (status, told) == (200, {"examples": rows})
    answered = served.ask("/v1/models/colours:predict", {"instances": told["examples"]})[1]
    assert [row["label"] for row in answered["predictions"]] == ["red", "blue"]
    assert served.ask("/page/models/half/examples") == (200, {"examples": []})


def test_the_card_is_plain_text(served) -> None:
    assert served.http("GET", "/page/models/colours/card") == (200, made.CARD.encode())
    assert served.http("GET", "/page/models/half/card") == (200, b"")


def test_a_name_with_slashes_and_tags_is_a_name(served) -> None:
    place = f"/page/models/{quote(SLASHED, safe='')}"
    assert served.ask(place)[1]["name"] == SLASHED
    assert served.ask(f"{place}/examples") == (200, {"examples": []})
    assert served.http("GET", f"{place}/card") == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/page/nothing.js",
        "/page/..%2Frun.py",
        "/page/%2e%2e/run.py",
        "/page/../server/run.py",
        "/page/models/nobody",
        "/page/models/nobody/examples",
        "/page/models/broken/card",
        "/page/models/..%2F..%2Fetc%2Fpasswd/card",
        "/page/models/colours/task.json",
    ],
)
def test_what_is_not_there_is_404_and_no_path_reaches_a_file(served, path) -> None:
    status, told = served.ask(path)
    assert status == 404 and list(told) == ["error"]


def test_the_page_takes_nothing(served) -> None:
    for path in ("/", "/page/models", "/page/main.js"):
        assert served.http("POST", path, b"{}")[0] in (404, 405)


def test_a_damaged_record_is_an_error_in_words(tmp_path) -> None:
    tiny_models.publish(made.save(tmp_path / "m", made.tags, "tags", [("A",)]), tmp_path / "v", 1)
    with running([ModelSource(name="tags", base_path=str(tmp_path / "v"))]) as found:
        file = tmp_path / "v" / "1" / "assets.extra" / "tf_serving_warmup_requests"
        file.write_bytes(b"no record at all")
        status, told = found.ask("/page/models/tags/examples")
        assert status >= 400 and "error" in told
