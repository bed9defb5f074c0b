"""Where the flow data sets keep their files: the folders as they are unpacked, pair by pair."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from perceiver_keras.data.own.files import left_over, listing
from perceiver_keras.data.own.found import shown
from perceiver_keras.errors import UsageError

# The suffix in any case, as cameras and old programs write it.
_FLOW = re.compile(r"(.+)_flow\.(?:flo|pfm|png)|(.+)\.(?:flo|pfm)", re.IGNORECASE | re.DOTALL)
_PICTURES, _READ = (".png", ".jpg", ".jpeg", ".ppm", ".bmp"), "PNG, JPEG, PPM or BMP"


class FlowFiles(NamedTuple):
    """The files of one pair; those that a data set lacks are None.

    Attributes:
      name: Unique in the data set, e.g. "alley_1/frame_0001".
      group: The sequence, or the data set's name where there are no sequences.
      occluded, invalid: Masks, 255 for yes.
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
      UsageError: the layout is different; the message says what was expected and what was found.
    """
    expected = (
        f"training/{sintel_pass}/SEQUENCE/frame_0001.png and training/flow/SEQUENCE/frame_0001.flo "
        "(with training/occlusions and training/invalid, if you have them)"
    )
    training = _training(root, (sintel_pass, "flow"), expected)
    found = []
    for folder in _folders(training / sintel_pass):
        frames = _numbered(folder, r"frame_(\d+)\.png")
        if len(frames) < 2:
            raise UsageError(f"Sequence {folder} has {len(frames)} frames, but a pair needs two.")
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
    """KITTI 2015's training pairs by number; see `kitti`."""
    return kitti(root, "2015")


def kitti(root: Path, year: str) -> list[FlowFiles]:
    """KITTI's training pairs by number.

    Args:
      root: The folder that holds `training/`, or `training` itself.
      year: "2012" (colour if there is any, else grey) or "2015".

    Raises:
      UsageError: the layout is different; the message says what was expected and what was found.
    """
    frames = {"2015": ("image_2",), "2012": ("colored_0", "image_0")}[year]
    expected = (
        f"training/{frames[0]}/000000_10.png, training/{frames[0]}/000000_11.png and "
        "training/flow_occ/000000_10.png (with training/flow_noc, if you have it)"
    )
    training = _training(root, ("flow_occ",), expected)
    there = [training / name for name in frames if (training / name).is_dir()]
    if not there:
        raise UsageError(_words(root, expected))
    found = []
    for number, frame1 in sorted(_numbered(there[0], r"(\d+)_10\.png").items()):
        names = frame1.stem, f"{frame1.stem[:-3]}_11"
        frame2 = there[0] / f"{names[1]}.png"
        flow, visible = (training / f / f"{names[0]}.png" for f in ("flow_occ", "flow_noc"))
        for path in (frame2, flow):
            if not path.is_file():
                raise UsageError(f"{path} is missing for pair {number}; expected {expected}.")
        found.append(
            FlowFiles(
                *(frame1.stem, f"kitti-{year}", frame1, frame2, flow),
                visible=visible if visible.is_file() else None,
            )
        )
    if not found:
        raise UsageError(_words(there[0], expected))
    return found


def flying_chairs(root: Path) -> dict[str, list[FlowFiles]]:
    """FlyingChairs, "train" and "validation" by its list, which has a 1 or 2 for each pair.

    Raises:
      UsageError: the layout is different, or the list does not fit the pairs.
    """
    listing = "FlyingChairs_train_val.txt"
    expected = (
        f"data/00001_img1.ppm, data/00001_img2.ppm, data/00001_flow.flo and {listing} next to data/"
    )
    root = root / "FlyingChairs_release" if (root / "FlyingChairs_release").is_dir() else root
    lists = [folder / listing for folder in (root, root / "data", root.parent)]
    split = next((path for path in lists if path.is_file()), None)
    if not (root / "data").is_dir() or split is None:
        raise UsageError(_words(root, expected))
    flows = _numbered(root / "data", r"(\d+)_flow\.flo")
    sides = split.read_text(encoding="utf-8").split()
    if len(sides) != len(flows) or set(sides) - {"1", "2"} or not flows:
        raise UsageError(
            f"{split} has {len(sides)} numbers, but should have a 1 or 2 for each of the "
            f"{len(flows)} files data/*_flow.flo."
        )
    pairs: dict[str, list[FlowFiles]] = {"train": [], "validation": []}
    for side, (_, flow) in zip(sides, sorted(flows.items()), strict=True):
        stem = flow.name.removesuffix("_flow.flo")
        frames = [flow.with_name(f"{stem}_img{number}.ppm") for number in (1, 2)]
        _must_exist(frames, expected)
        name = "train" if side == "1" else "validation"
        pairs[name].append(FlowFiles(stem, "flying_chairs", *frames, flow))
    return pairs


def flying_things3d(root: Path, things_pass: str, part: str) -> Iterator[FlowFiles]:
    """FlyingThings3D's forward flow of both cameras, scene by scene.

    Args:
      things_pass: "clean" or "final".
      part: "TRAIN" or "TEST".

    Raises:
      UsageError: the layout is different; the message says what was expected and what was found.
    """
    frames, flows = root / f"frames_{things_pass}pass" / part, root / "optical_flow" / part
    expected = (
        f"frames_{things_pass}pass/{part}/A/0000/left/0006.png and "
        f"optical_flow/{part}/A/0000/into_future/left/OpticalFlowIntoFuture_0006_L.pfm"
    )
    if not frames.is_dir() or not flows.is_dir():
        raise UsageError(_words(root, expected))
    count = 0
    for camera in sorted(flows.glob("*/*/into_future/*")):
        scene = camera.relative_to(flows)
        if any(map(left_over, scene.parts)) or not camera.is_dir():
            continue
        group = f"{scene.parts[0]}/{scene.parts[1]}/{camera.name}"
        numbered = _numbered(camera, r"OpticalFlowIntoFuture_(\d+)_[LR]\.pfm")
        for number, flow in sorted(numbered.items()):
            pictures = [frames / group / f"{n:04}.png" for n in (number, number + 1)]
            if pictures[0].is_file() and not pictures[1].is_file():
                continue  # the last frame has flow too, which leads nowhere
            _must_exist(pictures, expected)
            count += 1
            yield FlowFiles(f"{part}/{group}/{number:04}", group, *pictures, flow)
    if not count:
        raise UsageError(_words(flows, expected))


def autoflow(root: Path) -> Iterator[FlowFiles]:
    """The public static set of AutoFlow: a folder per pair, at any depth.

    Raises:
      UsageError: there is none, or one lacks a file.
    """
    expected = "folders with im0.png, im1.png and forward.flo"
    count = 0
    for frame1 in _walk(root, expected, "im0.png"):
        folder = frame1.parent
        frame2, flow = folder / "im1.png", folder / "forward.flo"
        _must_exist((frame2, flow), expected)
        count += 1
        yield FlowFiles(shown(folder.relative_to(root)), "autoflow", frame1, frame2, flow)
    if not count:
        raise UsageError(_words(root, expected))


def pairs_of_folder(root: Path) -> Iterator[FlowFiles]:
    """A folder, and its sub-folders, of frames with their flow; each folder is a sequence.

    For each flow file `NAME_flow.flo`, `.pfm` or `.png` (KITTI's), or `NAME.flo` or `.pfm`, frame 1 is `NAME_img1` or
    else `NAME`, and frame 2 is `NAME_img2` or else the next picture by number. A mask `NAME_occluded.png` is optional.

    Raises:
      UsageError: there is no flow file, a frame is missing, or a pair has its flow twice.
    """
    expected = (
        "NAME_img1.png, NAME_img2.png and NAME_flow.flo (or .pfm, or KITTI's .png), or numbered "
        "frames such as 0001.png with 0001.flo"
    )
    flows: dict[Path, Path] = {}
    beside = functools.cache(_by_stem)
    for flow in _walk(root, expected, "*"):
        named = _FLOW.fullmatch(flow.name)
        if not named:
            continue
        stem = named[1] or named[2]
        if (other := flows.setdefault(flow.parent / stem, flow)) != flow:
            raise UsageError(f"{other} and {flow} are the flow of the same pair; keep one of them.")
        files = beside(flow.parent)
        following = re.sub(r"\d+$", lambda n: f"{int(n[0]) + 1:0{len(n[0])}}", stem)
        names = [(f"{stem}_img1", f"{stem}_img2"), (stem, following)]
        pairs = [[_picture(files, name) for name in pair] for pair in names]
        if following == stem:  # it has no number
            del pairs[1]
        frames = next((pair for pair in pairs if None not in pair), None)
        if frames is None:
            others = [p for pair in names for name in pair for p in files[name] if p != flow]
            others = [p.name for p in others if p.suffix.lower() not in _PICTURES]
            there = f" as {_READ} (there is {others[0]})" if others else ""
            raise UsageError(f"{flow} lacks its two frames{there}; expected {expected}.")
        yield FlowFiles(
            shown((flow.parent / stem).relative_to(root)),
            *(shown(PurePath(flow.parent.name)), *frames, flow),
            occluded=_picture(files, f"{stem}_occluded", (".png",)),
        )
    if not flows:
        raise UsageError(_words(root, expected))


def _walk(root: Path, expected: str, pattern: str) -> Iterator[Path]:
    """Files below a folder without left-overs and empty ones."""
    if not root.is_dir():
        raise UsageError(_words(root, expected))
    for path in listing(root).files:
        if path.match(pattern):
            yield root / path


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not left_over(p.name))


def _by_stem(folder: Path) -> defaultdict[str, list[Path]]:
    """The files of a folder by their names without suffix."""
    found = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.is_file() and not left_over(path.name):
            found[path.stem].append(path)
    return found


def _picture(
    files: Mapping[str, Sequence[Path]], stem: str, suffixes: Sequence[str] = _PICTURES
) -> Path | None:
    """The file of that stem with the first of the suffixes, whatever the case of their letters."""
    found = {path.suffix.lower(): path for path in files[stem]}
    return next((found[suffix] for suffix in suffixes if suffix in found), None)


def _must_exist(paths: Iterable[Path], expected: str) -> None:
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} is missing; expected {expected}.")


def _training(root: Path, needed: tuple[str, ...], expected: str) -> Path:
    training = root / "training" if (root / "training").is_dir() else root
    if not all((training / name).is_dir() for name in needed):
        raise UsageError(_words(training, expected))
    return training


def _numbered(folder: Path, pattern: str) -> dict[int, Path]:
    matches = ((re.fullmatch(pattern, path.name), path) for path in folder.iterdir())
    return {int(match[1]): path for match, path in matches if match and path.is_file()}


def _words(folder: Path, expected: str) -> str:
    if not folder.exists():
        return f"{folder} does not exist; expected a folder with {expected}."
    if not folder.is_dir():
        return f"{folder} is not a folder; expected one with {expected}."
    inside = sorted(
        path.name + "/" * path.is_dir() for path in folder.iterdir() if not left_over(path.name)
    )
    listed = ", ".join(inside[:8]) + (", …" if len(inside) > 8 else "") if inside else "nothing"
    return f"{folder}: expected {expected}; found {listed}."
