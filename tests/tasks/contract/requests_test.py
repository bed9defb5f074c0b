"""Which files a user's words name."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.tasks.contract import requests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.png", ".hidden", "c.txt"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "d.png").write_bytes(b"d")
    return tmp_path


def names(found: list[str]) -> list[str]:
    return [Path(name).name for name in found]


def test_files_stay_in_order_and_folders_and_globs_are_sorted(folder: Path) -> None:
    asked = [str(folder / "c.txt"), str(folder), str(folder / "*.png"), str(folder / "**/d.*")]
    expected = ["c.txt", "a.png", "b.png", "c.txt", "a.png", "b.png", "d.png"]
    assert names(requests.expand(asked)) == expected


def test_a_file_whose_name_looks_like_a_glob_is_a_file(folder: Path) -> None:
    (folder / "[1].png").write_bytes(b"x")
    assert names(requests.expand([str(folder / "[1].png")])) == ["[1].png"]


def test_a_missing_file_is_left_to_be_named_with_the_unreadable_ones(folder: Path) -> None:
    [missing] = requests.expand([str(folder / "none.png")])
    assert requests.read(missing) == requests.Request(missing, None, "No such file or directory")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["https://example.org/a.png"], "curl -O https://example.org/a.png"),
        (["gs://bucket/a.png"], "URL"),
        (["{}/*.gif"], "matches no file"),
        (["{}/void"], "has no files"),
        (["-", "-"], "only once"),
        ([], "at least one"),
    ],
)
def test_what_names_nothing_is_an_error(folder: Path, asked: list[str], words: str) -> None:
    (folder / "void").mkdir()
    with pytest.raises(UsageError) as raised:
        requests.expand([name.format(folder) for name in asked])
    assert words in str(raised.value)


def test_contents(folder: Path, monkeypatch) -> None:
    assert requests.read(str(folder / "a.png")).content == b"a.png"
    (folder / "empty").touch()
    assert requests.read(str(folder / "empty")).error == "empty"
    assert requests.read(str(folder / "inner")).error == "Is a directory"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\x00\xff")))
    assert requests.read("-").content == b"\x00\xff"
    monkeypatch.setattr(requests, "MOST_BYTES", 3)
    assert "larger" in requests.read(str(folder / "a.png")).error


def test_a_word_is_a_text_or_a_file_that_holds_one(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"one\n\n two\r\n")
    words = [str(file), "three", "x" * 5000]
    whole = list(requests.from_texts(words, "Name a text."))
    assert whole == [
        requests.Request(str(file), b"one\n\n two\r\n"),
        requests.Request("three", b"three"),
        requests.Request("x" * 5000, b"x" * 5000),
    ]
    lines = list(requests.from_texts(words[:2], "Name a text.", by_line=True))
    assert lines == [
        requests.Request(f"{file}:1", b"one"),
        requests.Request(f"{file}:3", b" two"),
        requests.Request("three", b"three"),
    ]
    (tmp_path / "empty.txt").touch()
    [unreadable] = requests.from_texts([str(tmp_path / "empty.txt")], "", by_line=True)
    assert unreadable.error == "empty"
    with pytest.raises(UsageError, match="Name a text."):
        list(requests.from_texts([], "Name a text."))


@pytest.mark.parametrize("by_line", [True, False])
def test_texts_in_utf_16_are_those_in_utf_8(tmp_path: Path, by_line: bool) -> None:
    text = "na\u00efve [MASK]\n\u65e5\u672c\n"
    found = {}
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        file = tmp_path / "a.txt"
        file.write_text(text, encoding=encoding)
        found[encoding] = list(requests.from_texts([str(file)], "", by_line))
    assert all(one == found["utf-8"] for one in found.values())
    assert b"".join(r.content for r in found["utf-16"]) == text.replace(
        "\n", "" if by_line else "\n"
    ).encode("utf-8")


def test_a_text_file_that_is_no_text_or_has_none_is_an_error(tmp_path: Path) -> None:
    for content, words in (
        ("a [MASK]\n".encode("utf-16-le"), "looks like UTF-16LE without a byte order mark"),
        (b"\xef\xbb\xbf", "empty"),
        (b" \n\n", "empty"),
    ):
        (tmp_path / "a.txt").write_bytes(content)
        (found,) = requests.from_texts([str(tmp_path / "a.txt")], "", by_line=True)
        assert found.content is None and words in found.error
    assert next(requests.from_texts([" "], "")).error == "empty"


def test_a_folder_s_left_overs_are_not_requests(folder: Path) -> None:
    for name in ("._a.png", "Thumbs.db", "desktop.ini", ".DS_Store"):
        (folder / name).write_bytes(b"x")
    assert names(requests.expand([str(folder)])) == ["a.png", "b.png", "c.txt"]


def test_a_word_that_can_be_no_file_name_is_named_like_a_missing_file(folder: Path) -> None:
    for word in ("x" * 5000, "a\0b"):
        (name,) = requests.expand([word])
        assert requests.read(name).error in ("File name too long", "embedded null byte")


def test_left_overs_of_a_folder_are_passed_over_and_counted(tmp_path, caplog):
    for name in ("a.png", "._a.png", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    with caplog.at_level("INFO", logger="perceiver_keras.tasks.contract.requests"):
        assert requests.expand([str(tmp_path)]) == [str(tmp_path / "a.png")]
    assert "passed over 2 left-overs" in caplog.text
