"""Peers by name, and their environments: made of wheels, apart from ours, skipped with a word if they are missing."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from perceiver_keras.benchmarks import peers
from perceiver_keras.benchmarks.peers import Side
from perceiver_keras.errors import PerceiverError, UsageError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The smallest package: a module, and three lines about it."""
    path = tmp_path / "smallest-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("smallest.py", "SIZE = 1\n")
        about = "smallest-1.0.dist-info"
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: smallest\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    return path


def test_an_environment_has_the_peer_s_packages_and_none_of_ours(
    wheel, monkeypatch, tmp_path
) -> None:
    peer = Side(name="smallest", title="smallest", adapter="x.py", packages=(str(wheel),))
    monkeypatch.setattr(peers, "OTHERS", (peer,))
    with pytest.raises(PerceiverError, match="smallest is not installed") as absent:
        peers.ready("smallest")
    assert not isinstance(absent.value, UsageError)
    said: list[str] = []
    peers.install(peer, said.append)
    ready = peers.ready("smallest")
    monkeypatch.setenv("PYTHONPATH", str(Path(peers.__file__).parents[1]))
    program = "import smallest; print(smallest.SIZE)\nimport perceiver_keras"
    done = subprocess.run(
        [ready.python, "-c", program],
        env=ready.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "1\n" and "No module named 'perceiver_keras'" in done.stderr
    peers.install(peer, said.append)  # it is there
    assert len(said) == 1


def test_what_pip_says_is_told_and_nothing_counts_as_installed(tmp_path, monkeypatch) -> None:
    peer = Side(name="gone", title="gone", adapter="x.py", packages=(str(tmp_path / "no.whl"),))
    monkeypatch.setattr(peers, "OTHERS", (peer,))
    monkeypatch.setattr(peers, "_create", lambda python, folder: folder.mkdir(parents=True))
    with pytest.raises(PerceiverError, match="gone could not be installed"):
        peers.install(peer, lambda text: None)
    with pytest.raises(PerceiverError, match="not installed"):
        peers.ready("gone")


def test_a_newer_python_is_taken_if_the_peer_s_packages_are_made_for_it(
    tmp_path, monkeypatch
) -> None:
    newer, taken = tmp_path / "bin" / "python3.13", []
    newer.parent.mkdir()
    newer.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    newer.chmod(0o755)
    monkeypatch.setenv("PATH", str(newer.parent))
    monkeypatch.setattr(peers, "_create", lambda python, folder: taken.append(python))
    monkeypatch.setattr(peers, "_pip", lambda folder, *words: "no such package")
    for name in ("deepmind", "tensorflow_models"):
        with pytest.raises(PerceiverError, match="no such package"):
            peers.install(peers.get(name), lambda text: None)
    assert taken[0] == newer
    assert taken[1].name == "python{}.{}".format(*sys.version_info[:2])


def test_an_unknown_peer_is_an_error_that_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'huggingface'"):
        peers.ready("hugging-face")


def test_a_checkout_is_asked_for_and_looked_at(tmp_path) -> None:
    with pytest.raises(UsageError, match="deepmind=FOLDER"):
        peers.ready("deepmind")
    with pytest.raises(UsageError, match="no checkout of google-deepmind/deepmind-research"):
        peers.ready(f"deepmind={tmp_path}")
    with pytest.raises(UsageError, match="no checkout of tensorflow/models; it has no official"):
        peers.ready(f"tensorflow_models={tmp_path}")
    with pytest.raises(UsageError, match="takes no folder"):
        peers.ready(f"xla={tmp_path}")


def test_ours_finds_this_package_wherever_it_is() -> None:
    program = "import perceiver_keras.benchmarks.worker as w; print(w.__file__)"
    done = subprocess.run(
        [peers.ours().python, "-c", program],
        env=peers.ours().environment(),
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith("benchmarks/worker.py"), done.stderr
