"""Where the flow benchmarks keep their files: the folders as they are unpacked, pair by pair."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from perceiver_keras.errors import UsageError

SINTEL_PASSES = ("clean", "final")


class FlowFiles(NamedTuple):
    """The files of one pair; what a data set does not have is None.

    Attributes:
      name: Unlike any other's, e.g. "alley_1/frame_0001".
      group: The sequence, or the whole set's name where there are none.
      occluded, invalid: Masks, 255 where it is so.
      visible: A flow file in KITTI's format whose valid pixels are those of `flow` that are not occluded.
    """

    name: str
    group: str
    frame1: Path
    frame2: Path
    flow: Path
    occluded: Path | None = None
    invalid: Path | None = None
    visible: Path | None = None


def sintel(root: Path, sintel_pass: str) -> list[FlowFiles]:
    """MPI-Sintel's training pairs, by sequence and number.

    Args:
      root: The folder that holds `training/`, or `training` itself.
      sintel_pass: "clean" or "final".

    Raises:
      UsageError: the layout is another; the message says what was expected and what was found.
    """
    expected = (
        f"training/{sintel_pass}/SEQUENCE/frame_0001.png and training/flow/SEQUENCE/frame_0001.flo "
        "(training/occlusions and training/invalid beside them)"
    )
    training = _training(root, (sintel_pass, "flow"), expected)
    found = []
    for folder in sorted(path for path in (training / sintel_pass).iterdir() if path.is_dir()):
        frames = _numbered(folder, r"frame_(\d+)\.png")
        for number in sorted(frames):
            if number + 1 not in frames:
                continue
            stem = frames[number].stem
            flow = training / "flow" / folder.name / f"{stem}.flo"
            if not flow.is_file():
                raise UsageError(f"{flow} is missing; expected {expected}.")
            masks = [training / m / folder.name / f"{stem}.png" for m in ("occlusions", "invalid")]
            found.append(
                FlowFiles(
                    f"{folder.name}/{stem}",
                    folder.name,
                    *(frames[number], frames[number + 1], flow),
                    *(mask if mask.is_file() else None for mask in masks),
                )
            )
    if not found:
        raise UsageError(_words(training / sintel_pass, expected))
    return found


def kitti_2015(root: Path) -> list[FlowFiles]:
    """KITTI 2015's training pairs by number.

    Raises:
      UsageError: the layout is another; the message says what was expected and what was found.
    """
    expected = (
        "training/image_2/000000_10.png, training/image_2/000000_11.png and "
        "training/flow_occ/000000_10.png (training/flow_noc beside them)"
    )
    training = _training(root, ("image_2", "flow_occ"), expected)
    found = []
    for number, frame1 in sorted(_numbered(training / "image_2", r"(\d+)_10\.png").items()):
        names = frame1.stem, f"{frame1.stem[:-3]}_11"
        frame2 = training / "image_2" / f"{names[1]}.png"
        flow, visible = (training / f / f"{names[0]}.png" for f in ("flow_occ", "flow_noc"))
        for path in (frame2, flow):
            if not path.is_file():
                raise UsageError(f"{path} is missing for pair {number}; expected {expected}.")
        found.append(
            FlowFiles(
                *(frame1.stem, "kitti-2015", frame1, frame2, flow),
                visible=visible if visible.is_file() else None,
            )
        )
    if not found:
        raise UsageError(_words(training / "image_2", expected))
    return found


def _training(root: Path, needed: tuple[str, ...], expected: str) -> Path:
    training = root / "training" if (root / "training").is_dir() else root
    if not all((training / name).is_dir() for name in needed):
        raise UsageError(_words(root, expected))
    return training


def _numbered(folder: Path, pattern: str) -> dict[int, Path]:
    matches = ((re.fullmatch(pattern, path.name), path) for path in folder.iterdir())
    return {int(match[1]): path for match, path in matches if match}


def _words(folder: Path, expected: str) -> str:
    if not folder.exists():
        return f"{folder} does not exist; expected a folder with {expected}."
    if not folder.is_dir():
        return f"{folder} is no folder; expected one with {expected}."
    inside = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    listed = ", ".join(inside[:8]) + (", …" if len(inside) > 8 else "") if inside else "nothing"
    return f"{folder}: expected {expected}; found {listed}."
