"""Where the flow data sets keep their files: the folders as they are unpacked, pair by pair."""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
    sequences = {path.name for part in (sintel_pass, "flow") for path in _folders(training / part)}
    for name in sorted(sequences):
        folder, flow_folder = training / sintel_pass / name, training / "flow" / name
        frames = _numbered(folder, r"frame_(\d{4})\.png")
        flows = _numbered(flow_folder, r"frame_(\d{4})\.flo")
        _must_be_two(frames, folder)
        for number in range(min([*frames, *flows]), max([*frames, *(n + 1 for n in flows)])):
            stem = f"frame_{number:04}"
            pair = [folder / f"frame_{n:04}.png" for n in (number, number + 1)]
            flow = flow_folder / f"{stem}.flo"
            _must_exist((*pair, flow), expected)
            masks = [training / m / name / f"{stem}.png" for m in ("occlusions", "invalid")]
            found.append(
                FlowFiles(
                    *(f"{name}/{stem}", name, *pair, flow),
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
    parts = there[0], training / "flow_occ", training / "flow_noc"
    numbers = {number for part in parts for number in _numbered(part, r"(\d{6})_1[01]\.png")}
    for number in sorted(numbers):
        name = f"{number:06}_10"
        frame1, flow, visible = (part / f"{name}.png" for part in parts)
        frame2 = there[0] / f"{number:06}_11.png"
        for path in (frame1, frame2, flow):
            if not path.is_file():
                raise UsageError(f"{path} is missing for pair {number}; expected {expected}.")
        found.append(
            FlowFiles(
                *(name, f"kitti-{year}", frame1, frame2, flow),
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
    for frame in _numbered(root / "data", r"(\d+)_img[12]\.ppm").values():
        _must_exist([frame.with_name(re.sub(r"img[12]\.ppm$", "flow.flo", frame.name))], expected)
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
    groups = {path.relative_to(frames) for path in frames.glob("*/*/*")}
    for path in flows.glob("*/*/into_future/*"):
        groups.add(path.parents[1].relative_to(flows) / path.name)
    for group in sorted(groups):
        folder, camera = frames / group, flows / group.parent / "into_future" / group.name
        if any(map(left_over, group.parts)) or not (folder.is_dir() or camera.is_dir()):
            continue
        pictures = _numbered(folder, r"(\d{4})\.png")
        numbers = {*pictures, *_numbered(camera, r"OpticalFlowIntoFuture_(\d{4})_[LR]\.pfm")}
        _must_be_two(pictures, folder)
        for number in range(min(numbers), max(numbers)):  # the last has flow too: it leads nowhere
            pair = [folder / f"{n:04}.png" for n in (number, number + 1)]
            side = group.name[0].upper()
            flow = camera / f"OpticalFlowIntoFuture_{number:04}_{side}.pfm"
            _must_exist((*pair, flow), expected)
            count += 1
            yield FlowFiles(f"{part}/{group}/{number:04}", str(group), *pair, flow)
    if not count:
        raise UsageError(_words(flows, expected))


def autoflow(root: Path) -> Iterator[FlowFiles]:
    """The public static set of AutoFlow: a folder per pair, at any depth.

    Raises:
      UsageError: there is none, or one lacks a file.
    """
    expected = "folders with im0.png, im1.png and forward.flo"
    count = 0
    names = ("im0.png", "im1.png", "forward.flo")
    for folder in sorted({p.parent for p in _walk(root, expected, "*") if p.name in names}):
        files = [folder / name for name in names]
        _must_exist(files, expected)
        count += 1
        yield FlowFiles(shown(folder.relative_to(root)), "autoflow", *files)
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
        stem = _stem_of_flow(flow)
        if stem is None:
            continue
        if (other := flows.setdefault(flow.parent / stem, flow)) != flow:
            raise UsageError(f"{other} and {flow} are the flow of the same pair; keep one of them.")
        files = beside(flow.parent)
        following = _following(stem)
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


def passed_over(root: Path, parts: Collection[Path] = ()) -> Counter[str]:
    """What of a folder `pairs_of_folder` does not take, for people: frames without flow, and flow in no part.

    Args:
      root: The folder.
      parts: The folders in it that are read; none: all of it is.
    """
    flows: dict[Path, set[str]] = defaultdict(set)
    pictures: dict[Path, set[str]] = defaultdict(set)
    passed: Counter[str] = Counter()
    for path in (root / name for name in listing(root).files):
        stem = _stem_of_flow(path)
        if parts and not any(path.is_relative_to(part) for part in parts):
            passed["flow in no folder of a split"] += stem is not None
        elif stem is not None:
            flows[path.parent].add(stem)
        elif path.suffix.lower() in _PICTURES:
            pictures[path.parent].add(path.stem)
    for folder, stems in pictures.items():
        pairs: dict[tuple[str, str], set[str]] = defaultdict(
            set
        )  # the stems that their flow may have
        for stem in stems:
            if (following := _following(stem)) != stem and following in stems:
                pairs[stem, following].add(stem)
            if named := re.fullmatch(r"(.+)_img[12]", stem, re.DOTALL):
                pairs[f"{named[1]}_img1", f"{named[1]}_img2"].add(named[1])
        passed["pairs of frames without flow"] += sum(not p & flows[folder] for p in pairs.values())
    return +passed


def _stem_of_flow(path: Path) -> str | None:
    """What a flow file's name begins with; None if it is none."""
    named = _FLOW.fullmatch(path.name)
    return named and (named[1] or named[2])


def _following(stem: str) -> str:
    """The name with the next number at its end; the same without a number."""
    return re.sub(r"\d+$", lambda n: f"{int(n[0]) + 1:0{len(n[0])}}", stem)


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


def _must_be_two(frames: Mapping[int, Path], folder: Path) -> None:
    if len(frames) < 2:
        raise UsageError(f"Sequence {folder} has {len(frames)} frames, but a pair needs two.")


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
    """The files whose names match, by the number in them; none if there is no such folder."""
    paths = folder.iterdir() if folder.is_dir() else ()
    matches = ((re.fullmatch(pattern, path.name), path) for path in paths)
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
