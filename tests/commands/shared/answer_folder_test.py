"""One file per request, always: whatever the names, runs, models and other processes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from perceiver_keras.commands.shared.answer_folder import INDEX, AnswerFolder, identity

ROOT = Path(__file__).parents[3]


def answered(path: Path, names: list[str], model: str = "m") -> list[Path]:
    """The files of these requests, after those not there yet were written with their names."""
    folder, seen, places = AnswerFolder(path, ".txt"), Counter(), []
    folder.model = model
    for name in names:
        asked = identity(name, name.encode("utf-8", "replace"), seen)
        if not folder.there(asked):
            places.append(folder.write(name, asked, f"{model} {name}".encode("utf-8", "replace")))
    return places


NAMES = [
    *("a/1.png", "b/1.png", "1.png", "x.png", "x.jpg", "X.bmp", "x-2.png"),
    *("CON", "con", "cafe\u0301", "caf\u00e9", "", ".", "..", "../up", "a\nb", "a\tb", "\udcff"),
    *("y" * 5000, "y" * 5001, "same", "same", "same"),
]


def test_every_request_has_a_file_and_a_rerun_knows_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/1.png", "b/1.png", "x.png", "x.jpg", "X.bmp"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    out = tmp_path / "out"
    places = answered(out, NAMES)
    assert len({str(place).casefold() for place in places}) == len(NAMES)
    for name, place in zip(NAMES, places, strict=True):
        assert place.parent == out and place.read_bytes() == f"m {name}".encode("utf-8", "replace")
    assert [place.name for place in places[:2]] == ["1.txt", "1-2.txt"]
    assert answered(out, NAMES) == []
    assert answered(out, NAMES[::-1]) == []
    assert answered(out, NAMES, "other model") == places  # the same files, answered again
    assert places[0].read_bytes() == b"other model a/1.png"
    places[3].unlink()
    assert answered(out, NAMES, "other model") == [places[3]]


def test_requests_are_the_same_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").touch()
    monkeypatch.chdir(tmp_path)
    first = identity("a/1.png", b"", Counter())
    monkeypatch.chdir(tmp_path / "a")
    assert identity("1.png", b"", Counter()) == first
    assert identity("1.png", b"new", Counter()).request == first.request
    assert identity("-", b"", Counter()).request != identity("-", b"new", Counter()).request


@pytest.mark.parametrize(
    "damage",
    [
        b'{"key": "half a li',
        b"\xff\xfe\n",
        b"[1, 2]\n",
        b'{"key": "k.txt", "file": "../../x.txt", "content": "", "model": "m"}\n',
    ],
)
def test_a_damaged_index_costs_an_answer_at_most(tmp_path, damage):
    answered(tmp_path, ["a"])
    with (tmp_path / INDEX).open("ab") as index:
        index.write(damage)
    (place,) = answered(tmp_path, ["a", "b"])
    assert place.name == "b.txt"
    assert answered(tmp_path, ["a", "b"]) == []
    (tmp_path / INDEX).unlink()
    assert [place.name for place in answered(tmp_path, ["a"])] == ["a-2.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"m a"


def test_two_processes_write_to_one_folder(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.commands.shared.answer_folder_test import answered\n"
        "answered(Path(sys.argv[1]), [f'{n % 5}/{sys.argv[2]} ' + 'x' * 200 for n in range(30)])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen([*command, str(n)], cwd=ROOT) for n in range(2)]
    assert [one.wait(60) for one in running] == [0, 0]
    written = [path for path in tmp_path.iterdir() if path.name != INDEX]
    assert len(written) == 60
    contents = Counter(path.read_bytes() for path in written)
    assert len(contents) == 10 and set(contents.values()) == {6}
