"""Ten thousand random mutations of valid files: each loads or gives a clear error, and none takes much memory."""

from __future__ import annotations

import contextlib
import pickle
import random
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from perceiver_keras.convert.pickles import load_pickle
from perceiver_keras.convert.safetensors_file import load_safetensors, save_safetensors
from perceiver_keras.convert.torch_bin import load_torch_bin
from perceiver_keras.errors import PerceiverError
from tests.convert import attacks

DATA = Path(__file__).parent / "data"
READERS = {"pickle": load_pickle, "torch_bin": load_torch_bin, "safetensors": load_safetensors}


def valid_files(folder: Path) -> list[tuple[str, bytes]]:
    """(reader, content) of small valid files of every kind."""
    weights = {"linear": {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(3)}}
    save_safetensors(weights["linear"] | {"n": np.array(3)}, folder / "valid", {"format": "pt"})
    return [
        *(("pickle", pickle.dumps(weights, protocol)) for protocol in (2, 4, 5)),
        ("pickle", (DATA / "jax_0_10_haiku_0_0_17.pickle").read_bytes()),
        ("torch_bin", (DATA / "torch_2_13.bin").read_bytes()),
        ("torch_bin", attacks.torch_bin()),
        ("safetensors", (folder / "valid").read_bytes()),
    ]


def mutate(content: bytes, chance: random.Random) -> bytes:
    """One to three of: a bit flipped, a byte or a number replaced, a piece cut, doubled or moved."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data))
        size = min(chance.choice((1, 2, 4, 8, 64)), len(data) - at)
        kind = chance.randrange(7)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif kind == 2:
            data[at : at + size] = chance.choice((b"\xff", b"\0", b"\x7f")) * size
        elif kind == 3 and len(data) > size:
            del data[at : at + size]
        elif kind == 4:
            data[at:at] = data[at : at + size]
        elif kind == 5:
            other = chance.randrange(len(data) - size + 1)
            data[at : at + size] = data[other : other + size]
        else:
            data[at:at] = chance.randbytes(size)
    return bytes(data[: chance.randrange(1, len(data) + 1)] if chance.random() < 0.1 else data)


def run(folder: Path, count: int, seed: int) -> tuple[int, int]:
    """Reads `count` mutated files; returns how many loaded and how many were refused."""
    files, chance = valid_files(folder), random.Random(seed)
    loaded = refused = 0
    path = folder / "mutated"
    for number in range(count):
        reader, content = files[number % len(files)]
        mutated = mutate(content, chance)
        path.write_bytes(mutated)
        try:
            READERS[reader](path)
            loaded += 1
        except PerceiverError as error:
            assert str(path) in str(error)
            refused += 1
        except BaseException as error:
            raise AssertionError(f"{reader} {number} of seed {seed}: {mutated!r}") from error
    return loaded, refused


@pytest.mark.parametrize("seed", range(4))
def test_mutated_files_load_or_give_a_clear_error(seed, tmp_path):
    loaded, refused = run(tmp_path, 2_500, seed)
    assert loaded + refused == 2_500
    assert refused > 1_000 and loaded > 100  # a change in the tensors' bytes goes unnoticed


def test_memory_stays_within_twice_the_file(tmp_path):
    """In its own process: over all mutations and attacks the peak stays near that of the libraries."""
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    before, after = map(int, done.stdout.split())
    assert after - before < 32 << 10, "KiB more than before the first file"  # bombs get 8 MB each


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    target = Path(sys.argv[1])
    run(target, 14, 99)  # every reader once
    at_first = _peak_kib()
    run(target, 1_000, 100)
    for name, content in [*attacks.pickles().items(), *attacks.torch_bins().items()]:
        (target / name).write_bytes(content)
        for read in (load_pickle, load_torch_bin):
            with contextlib.suppress(PerceiverError):
                read(target / name)
    print(at_first, _peak_kib())
