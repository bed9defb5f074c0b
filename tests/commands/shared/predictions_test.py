"""What -o and --save write: one file for all answers, or a folder that a rerun completes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from perceiver_keras.commands.shared.predictions import Files, Result
from perceiver_keras.errors import UsageError
from perceiver_keras.show import style
from perceiver_keras.tasks.contract.asking import Asking


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
    name="t",
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
    ),
)


def result(name: str, size: int = 2) -> Result:
    made = Result(name, name.encode())
    made.numbers = {"flow": np.full(size, len(name), np.float32), "name": b"caf\xc3\xa9"}
    made.answer = {"name": name}
    return made


def run(folder: Path, *names: str, model: str = "m", content: bytes | None = None) -> list[str]:
    """Answers those names into pictures/ and flows/ as `predict` does; returns what was skipped."""
    files = Files(TASK, f"{folder}/pictures/", f"{folder}/flows/")
    files.answered_by(model, lambda: model)
    for name in names:
        made = result(name)
        made.content = content or made.content
        if not files.there(made):
            files.add(made)
    files.finish()
    return files.skipped


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def test_a_folder_gets_a_file_per_request_and_a_rerun_skips_what_is_there(tmp_path: Path):
    assert run(tmp_path, "a.png") == []
    before = (tmp_path / "flows/a.png.raw").read_bytes()
    assert before == np.full(2, 5, np.float32).tobytes()
    (tmp_path / "pictures/a.png.png").unlink()
    assert run(tmp_path, "a.png", "b.png") == []  # one of two files is missing: asked again
    assert run(tmp_path, "a.png", "b.png", "c.png") == ["a.png", "b.png"]
    assert listed(tmp_path / "flows") == ["a.png.raw", "b.png.raw", "c.png.raw"]
    assert listed(tmp_path / "pictures") == ["a.png.png", "b.png.png", "c.png.png"]


def test_another_model_and_other_content_are_answered_again(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.png").touch()  # a file: its request stays the same when it changes
    assert run(tmp_path, "a.png") == []
    assert run(tmp_path, "a.png", model="n") == []
    assert run(tmp_path, "a.png", model="n", content=b"changed") == []
    assert run(tmp_path, "a.png", model="n", content=b"changed") == ["a.png"]
    assert listed(tmp_path / "flows") == ["a.raw"]
    assert run(tmp_path, "-", content=b"one") == run(tmp_path, "-", content=b"two") == []
    assert listed(tmp_path / "flows") == ["a.raw", "stdin-2.raw", "stdin.raw"]


def test_what_was_in_the_folder_before_is_no_answer_and_stays(tmp_path: Path):
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/a.raw").write_bytes(b"mine")
    assert run(tmp_path, "a") == []
    assert (tmp_path / "flows/a.raw").read_bytes() == b"mine"
    assert listed(tmp_path / "flows") == ["a-2.raw", "a.raw"]
    assert run(tmp_path, "a") == ["a"]


def test_an_answer_that_can_t_be_drawn_is_that_request_s_error(tmp_path: Path):
    def refuse(*_):
        raise UsageError("no picture of this")

    task = SimpleNamespace(name="t", asking=dataclasses.replace(TASK.asking, picture=refuse))
    files = Files(task, f"{tmp_path}/pictures/", None)
    made = result("a")
    assert not files.there(made)
    files.add(made)
    assert made.error == "no picture of this" and not (tmp_path / "pictures").exists()


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
        given = result(name)
        assert not files.there(given)
        files.add(given)
        assert given.content is None and not given.numbers
    files.finish()
    assert (tmp_path / "all.log").read_text() == "a1 bcd3 "
    assert listed(tmp_path / "flows") == ["a.raw", "bcd.raw"]


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


def test_what_can_t_be_written_is_refused_before_anything_is_answered(tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "a.png").touch()
    drawn = dataclasses.replace(TASK.asking, picture=None, formats={}, streams={})
    for task, out, save, words in (
        (
            SimpleNamespace(name="t", asking=drawn),
            "a.png",
            None,
            "t has no pictures of its answers",
        ),
        (TASK, "file/a.png", None, "is not a folder"),
        (TASK, "file/", None, "is a file, not a folder"),
        (TASK, "b.raw", "./b.raw", "the same file"),
    ):
        with pytest.raises(UsageError, match=words):
            Files(task, f"{tmp_path}/{out}", save and f"{tmp_path}/{save}")
    files = Files(TASK, f"{tmp_path}/a.png", None)
    with pytest.raises(UsageError, match="is also what is asked about"):
        files.check([str(tmp_path / "a.png")], [])
    with pytest.raises(UsageError, match="one answer, but there are 2"):
        Files(TASK, None, f"{tmp_path}/b.raw").check([], [result("a"), result("b")])


def test_suffixes_may_be_in_upper_case_and_folders_are_made(tmp_path: Path):
    files = Files(TASK, f"{tmp_path}/new/OUT.PNG", f"{tmp_path}/new/OUT.NPZ")
    files.add(result("a"))
    files.finish()
    assert (tmp_path / "new/OUT.PNG").read_bytes().startswith(b"\x89PNG")
    assert np.load(tmp_path / "new/OUT.NPZ")["flow"].shape == (1, 2)


def test_sequences_of_any_length_are_padded_where_the_task_says_how(tmp_path: Path):
    padding = {"ids": -1, "names": b""}
    task = SimpleNamespace(name="t", asking=dataclasses.replace(TASK.asking, padding=padding))
    files = Files(task, None, f"{tmp_path}/a.npz")
    for count in (1, 3, 0):
        made = Result(f"{count}", b"")
        made.numbers = {
            "ids": np.arange(2 * count).reshape(count, 2),
            "names": np.array([b"x"] * count, object),
        }
        files.add(made)
    files.finish()
    arrays = np.load(tmp_path / "a.npz")
    assert arrays["ids"][:, :, 1].tolist() == [[1, -1, -1], [1, 3, 5], [-1, -1, -1]]
    assert arrays["names"].tolist() == [["x", "", ""], ["x"] * 3, [""] * 3]
