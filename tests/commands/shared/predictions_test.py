"""What -o and --save write: one file for all answers, or a folder that a rerun completes."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from perceiver_keras.commands.shared.predictions import Files, Result
from perceiver_keras.errors import UsageError
from perceiver_keras.show import style
from perceiver_keras.tasks.contract.asking import Asking
from perceiver_keras.tasks.contract.requests import Request


def picture(contents, numbers, answers):
    figure = style.new_figure(1, 1)
    figure.text(0, 0, f"{contents} {answers}")
    return figure


class Written:
    """A stream that records what it is given."""

    def __init__(self, path):
        self.path, self.said = path, ""

    def add(self, content, outputs):
        self.said += f"{content.decode()}{outputs['flow'][0]:.0f} "

    def close(self):
        Path(self.path).write_text(self.said)


TASK = SimpleNamespace(
    asking=Asking(
        pack=None,
        answers=None,
        report=None,
        picture=picture,
        formats={
            ".raw": lambda numbers: numbers["flow"].tobytes(),
            ".png": lambda numbers: b"numbers",
        },
        streams={".log": Written},
    )
)


def result(name: str, size: int = 2) -> Result:
    made = Result(name, name.encode())
    made.numbers = {"flow": np.full(size, len(name), np.float32), "name": b"caf\xc3\xa9"}
    made.answer = {"name": name}
    return made


def test_a_folder_gets_a_file_per_request_and_a_rerun_skips_what_is_there(tmp_path: Path):
    def run(names):
        files = Files(TASK, f"{tmp_path}/pictures/", f"{tmp_path}/flows/")
        for name in names:
            if not files.there(Request(name, b"")):
                files.add(result(name))
        files.finish()
        return files.skipped

    assert run(["a.png"]) == []
    before = (tmp_path / "flows/a.raw").read_bytes()
    assert before == np.full(2, 5, np.float32).tobytes()
    (tmp_path / "pictures/a.png").unlink()
    assert run(["a.png", "b.png"]) == []  # one of two files is missing: asked again
    assert run(["a.png", "b.png", "c.png"]) == ["a.png", "b.png"]
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == ["a.png", "b.png", "c.png"]
    assert sorted(p.name for p in (tmp_path / "flows").iterdir()) == ["a.raw", "b.raw", "c.raw"]


def test_one_file_holds_all_answers_or_the_only_one(tmp_path: Path):
    for suffix in ("npz", "json", "raw"):
        files = Files(TASK, None, f"{tmp_path}/all.{suffix}")
        files.add(result("a"))
        if suffix != "raw":
            files.add(result("bcd"))
        files.finish()
    arrays, plain = np.load(tmp_path / "all.npz"), json.loads((tmp_path / "all.json").read_text())
    assert arrays["flow"].tolist() == plain["flow"] == [[1, 1], [3, 3]]
    assert list(arrays["name"]) == plain["name"] == ["café", "café"]
    assert list(arrays["files"]) == plain["files"] == ["a", "bcd"]
    assert (tmp_path / "all.raw").read_bytes() == np.full(2, 1, np.float32).tobytes()


def test_a_stream_takes_every_answer_as_it_comes_and_keeps_none(tmp_path: Path):
    files = Files(TASK, f"{tmp_path}/all.log", f"{tmp_path}/flows/")
    for name in ("a", "bcd"):
        assert not files.there(Request(name, b""))
        given = result(name)
        files.add(given)
        assert given.content is None and not given.numbers
    files.finish()
    assert (tmp_path / "all.log").read_text() == "a1 bcd3 "
    assert sorted(p.name for p in (tmp_path / "flows").iterdir()) == ["a.raw", "bcd.raw"]


def test_a_suffix_of_both_is_a_picture_for_o_and_numbers_for_save(tmp_path: Path):
    files = Files(TASK, f"{tmp_path}/out.png", f"{tmp_path}/save.png")
    files.add(result("a"))
    files.finish()
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "save.png").read_bytes() == b"numbers"


def test_what_does_not_fit_a_file_is_said(tmp_path: Path):
    with pytest.raises(
        UsageError, match="write it as .raw or .png or .npz or .json, or name a folder"
    ):
        Files(TASK, None, f"{tmp_path}/a.txt")
    with pytest.raises(UsageError, match="write it as .png or .raw or .log"):
        Files(TASK, f"{tmp_path}/a.jpg", None)
    for suffix, second, words in (
        (".raw", result("b"), "one answer, but there are 2"),
        (".npz", result("b", size=3), "different sizes"),
    ):
        files = Files(TASK, None, f"{tmp_path}/a{suffix}")
        files.add(result("a"))
        with pytest.raises(UsageError, match=words):
            files.add(second)  # fails as soon as it is known that nothing can be written
            files.finish()
        assert not (tmp_path / f"a{suffix}").exists()
