"""Left-overs are passed over and counted; archives unpack inside their folder or not at all."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from perceiver_keras.data.own import files
from perceiver_keras.errors import PerceiverError, UsageError

LEFT = [".DS_Store", "._x.png", "Thumbs.db", "desktop.ini", "a.png~", "b.png.part", "Icon\r"]
FOLDERS = [".ipynb_checkpoints", "__MACOSX", ".git", "@eaDir", "__pycache__"]


def _write(root: Path, *names: str, content: bytes = b"x") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def test_left_overs_are_passed_over_and_counted(tmp_path: Path) -> None:
    _write(tmp_path, "b/2.png", "a/1.png", *(f"a/{name}" for name in LEFT))
    _write(tmp_path, *(f"{folder}/1.png" for folder in FOLDERS))
    _write(tmp_path, "a/empty.png", content=b"")
    (tmp_path / "a/dead.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a/folder.png").mkdir()
    os.mkfifo(tmp_path / "a/pipe.png")
    found = files.listing(tmp_path)
    assert [str(path) for path in found.files] == ["a/1.png", "b/2.png"]
    assert found.passed.total() == len(LEFT) + len(FOLDERS) + 3
    assert found.passed["empty"] == found.passed["links to nothing"] == 1
    assert found.passed["not a regular file"] == 1


def test_a_link_to_a_folder_above_is_walked_once(tmp_path: Path) -> None:
    _write(tmp_path, "a/1.png")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    assert [str(path) for path in files.listing(tmp_path).files] == ["a/1.png"]


@pytest.mark.parametrize("name", ["x", "über.png", "a b.txt", "x.DS_Store", "node"])
def test_ordinary_names_are_data(name: str) -> None:
    assert files.left_over(name) is None


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def _tar(path: Path, members: dict[str, bytes], links: tuple[str, ...] = ()) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        for name in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            file.addfile(info)
    return path


MEMBERS = {
    "top/a/1.txt": b"one",
    "top/b/2.txt": b"two",
    "../out.txt": b"evil",
    "/abs/3.txt": b"three",
    "top\\c\\4.txt": b"four",
    "__MACOSX/top/a/._1.txt": b"left",
}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_unpacks_only_into_its_folder(tmp_path: Path, kind: str) -> None:
    archive = (
        _zip(tmp_path / "x.ZIP", MEMBERS)
        if kind == "zip"
        else _tar(tmp_path / "x.tar.gz", MEMBERS, ("top/link",))
    )
    place = files.unpacked(archive, tmp_path / "store" / "unpacked")
    inside = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert inside == {"top/a/1.txt", "top/b/2.txt", "abs/3.txt", "top/c/4.txt"}
    assert not (tmp_path / "store/out.txt").exists() and not (tmp_path / "out.txt").exists()
    assert os.listdir(place.parent) == [place.name]
    assert files.unpacked(archive, place.parent) == place


def test_a_damaged_or_encrypted_archive_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    whole = _zip(tmp_path / "x.zip", {"a.txt": os.urandom(5000)}).read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[:3000])
    flipped = tmp_path / "flipped.zip"
    flipped.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    encrypted = tmp_path / "secret.zip"
    locked = bytearray(whole)
    locked[6] |= 1  # the flag of an encrypted member, in both of its headers
    locked[whole.index(b"PK\x01\x02") + 8] |= 1
    encrypted.write_bytes(bytes(locked))
    no_tar = tmp_path / "no.tar"
    no_tar.write_bytes(b"hello" * 500)
    for path in (cut, flipped, encrypted, no_tar):
        with pytest.raises(PerceiverError, match=path.name):
            files.unpacked(path, tmp_path / "unpacked")
    assert os.listdir(tmp_path / "unpacked") == []


DATA = {f"{name}.txt": os.urandom(3000).hex().encode() for name in "abc"}


@pytest.mark.parametrize("method", ["STORED", "DEFLATED", "BZIP2", "LZMA"])
def test_a_damaged_zip_is_named_whatever_its_compression(tmp_path: Path, method: str) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", getattr(zipfile, f"ZIP_{method}")) as file:
        for name, content in DATA.items():
            file.writestr(name, content)
    content = bytearray(path.read_bytes())
    for at in range(50, len(content) // 3, 7):
        content[at] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(PerceiverError, match=r"x\.zip is damaged: \w"):
        files.unpacked(path, tmp_path / "unpacked")


@pytest.mark.parametrize("mode", ["", "gz", "bz2", "xz"])
@pytest.mark.parametrize("cut", [False, True])
def test_a_damaged_tar_is_named_whatever_its_compression(tmp_path: Path, mode, cut) -> None:
    path = tmp_path / f"x.tar.{mode}".rstrip(".")
    with tarfile.open(path, f"w:{mode}") as file:
        for name, text in DATA.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            file.addfile(info, io.BytesIO(text))
    content = bytearray(path.read_bytes())
    if cut:
        del content[len(content) // 2 :]
    else:  # without compression, in the header of the second member
        middle = content.index(b"b.txt") if not mode else len(content) // 2
        for at in range(middle, middle + 20):
            content[at] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(PerceiverError, match=rf"{path.name} is damaged: .*\w\.$"):
        files.unpacked(path, tmp_path / "unpacked")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a", "a/1.txt"), "'a': File exists"),
        (("a", "a/b/1.txt"), "'a/b': Not a directory"),
        (("a/1.txt", "a"), "'a': Is a directory"),
        (("a/1.txt", f"a/{'x' * 300}.txt"), "'a/x+': File name too long"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_that_can_t_be_written_is_named(tmp_path: Path, names, words, kind) -> None:
    archive = (_zip if kind == "zip" else _tar)(tmp_path / f"x.{kind}", dict.fromkeys(names, b"x"))
    with pytest.raises(PerceiverError, match=rf"x\.{kind} can't be unpacked.*{words}"):
        files.unpacked(archive, tmp_path / "unpacked")
    assert os.listdir(tmp_path / "unpacked") == []


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_larger_than_the_disk_is_refused_before_it_is_written(
    tmp_path: Path, kind: str, monkeypatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=9_999))
    members = {"a.txt": b"x" * 5000, "b.txt": b"x" * 5000}
    archive = (_zip if kind == "zip" else _tar)(tmp_path / f"bomb.{kind}", members)
    with pytest.raises(PerceiverError, match="declares"):
        files.unpacked(archive, tmp_path / "unpacked")
    assert os.listdir(tmp_path / "unpacked") == []


def test_the_data_begins_below_a_lone_folder_of_folders(tmp_path: Path) -> None:
    _write(tmp_path, "one/two/a/1.png", "one/two/b/1.png", "one/.DS_Store")
    assert files.root_of(tmp_path, tmp_path / "store") == tmp_path / "one/two"
    lone = tmp_path / "lone"
    _write(lone, "class/1.png")
    assert files.root_of(lone, tmp_path / "store") == lone
    with pytest.raises(UsageError, match="does not exist"):
        files.root_of(tmp_path / "none", tmp_path)


def test_data_files_match_the_listing(tmp_path: Path) -> None:
    _write(tmp_path, "a/1.png", "a/._1.png", "2.png", "a/b/3.png", ".x/4.png")
    assert list(files.data_files(tmp_path, "*/*")) == [tmp_path / "a/1.png"]
    assert len(list(files.data_files(tmp_path))) == 3
