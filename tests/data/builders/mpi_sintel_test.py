"""MPI-Sintel from a small folder in its real layout, opened as a user opens it."""

from __future__ import annotations

import pytest

from perceiver_keras.data.store import source
from perceiver_keras.errors import UsageError
from tests.data.flow.flow_files import Maker, held, read


def test_a_pass_with_its_masks(tmp_path):
    make = Maker(tmp_path / "manual/mpi_sintel/training")
    frames = [make.picture(f"final/ambush_2/frame_{n:04}.png") for n in (1, 2, 3)]
    flows = [make.flow(f"flow/ambush_2/frame_{n:04}.flo") for n in (1, 2)]
    occluded = [make.mask(f"occlusions/ambush_2/frame_{n:04}.png") for n in (1, 2)]
    invalid = [make.mask(f"invalid/ambush_2/frame_{n:04}.png") for n in (1, 2)]
    found = read("mpi_sintel/final", tmp_path)
    assert set(found) == {"ambush_2/frame_0001", "ambush_2/frame_0002"}
    for k, name in enumerate(sorted(found)):
        held(found[name], frames[k], frames[k + 1], flows[k], ~invalid[k], occluded[k])
        assert found[name]["sequence"] == b"ambush_2"
    # The clean pass is not there: the message says so, and nothing half-made is left.
    with pytest.raises(UsageError, match="training/clean/SEQUENCE.*found final/, flow/"):
        source.open_builder("mpi_sintel/clean", str(tmp_path))
    assert not list((tmp_path / "mpi_sintel/clean").glob("*"))
