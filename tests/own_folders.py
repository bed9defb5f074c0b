"""Small folders of the user's own data, one maker for every kind: real files, written by independent libraries."""

from __future__ import annotations

import csv
import json
import random
import wave
from pathlib import Path

import numpy as np
from PIL import Image

WORDS = {
    "food": ("bread", "cheese", "soup", "apple", "cook", "salt"),
    "law": ("court", "judge", "claim", "rule", "appeal", "fine"),
    "sport": ("ball", "goal", "team", "score", "match", "run"),
}


def pictures(root: Path, count: int = 30, size: tuple[int, int] = (12, 20)) -> Path:
    """`root/CLASS/N.png`: colour pictures, three classes by their brightest channel."""
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 100, (*size, 3), np.uint8)
        pixels[..., number % 3] += 150
        path = root / ("red", "green", "blue")[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return root


def texts(path: Path, count: int = 90) -> Path:
    """A CSV of `review` and `topic`, three classes by their words."""
    rng = random.Random(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "review", "topic"])
        for number in range(count):
            topic = sorted(WORDS)[number % 3]
            rows.writerow([number, " ".join(rng.choices(WORDS[topic], k=6)), topic])
    return path


def prose(path: Path, lines: int = 300) -> Path:
    """One file of sentences."""
    rng = random.Random(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    every = [word for words in WORDS.values() for word in words]
    sentences = (
        f"The {rng.choice(every)} and the {rng.choice(every)}, {n}.\n" for n in range(lines)
    )
    path.write_text("".join(sentences), encoding="utf-8")
    return path


def tagged(path: Path, count: int = 40) -> Path:
    """CoNLL columns with names of people and places."""
    rng = random.Random(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = [
        f"{rng.choice(('Anna', 'Bob', 'Zoë'))} B-PER\nlives O\nin O\n"
        f"{rng.choice(('New', 'Old'))} B-LOC\n{rng.choice(('York', 'Town'))} I-LOC\n{number} O\n"
        for number in range(count)
    ]
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


def sounds(root: Path, count: int = 24, rate: int = 8000, seconds: float = 0.3) -> Path:
    """`root/CLASS/N.wav`: tones and noises."""
    rng = np.random.default_rng(0)
    time = np.arange(round(rate * seconds)) / rate
    for number in range(count):
        tone = np.sin(2 * np.pi * rng.uniform(300, 900) * time)
        samples = tone if number % 2 else rng.uniform(-1, 1, len(time))
        path = root / ("noise", "tone")[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((samples * 16000).astype("<i2").tobytes())
    return root


def videos(root: Path, count: int = 6, frames: int = 8, labelled: bool = True) -> Path:
    """`root/CLASS/N.mp4`, or `root/N.mp4`: a square that moves over red or blue, with a tone."""
    from perceiver_keras.data.video import clips

    for number in range(count):
        pixels = np.zeros((frames, 32, 48, 3), np.float32)
        pixels[..., (0, 2)[number % 2]] = 0.8
        for frame in range(frames):
            left = (3 * frame + 5 * number) % 36
            pixels[frame, 8:20, left : left + 10] = 1
        samples = np.arange(48_000 * frames // 25) / 48_000
        tone = 0.4 * np.sin(2 * np.pi * (300, 900)[number % 2] * samples)
        path = root / (("red", "blue")[number % 2] if labelled else "") / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clips.to_mp4(pixels, tone.astype(np.float32)))
    return root


def pairs(
    root: Path, sequences: int = 6, length: int = 3, size: tuple[int, int] = (20, 32)
) -> Path:
    """`root/SEQUENCE/000N.png` with `000N.flo`: noise that moves by one pixel to the right."""
    rng = np.random.default_rng(0)
    for sequence in range(sequences):
        folder = root / f"seq{sequence}"
        folder.mkdir(parents=True)
        pixels = rng.integers(0, 256, (*size, 3), np.uint8)
        for number in range(length):
            Image.fromarray(np.roll(pixels, number, axis=1)).save(folder / f"{number:04}.png")
        for number in range(length - 1):
            flow = np.zeros((*size, 2), "<f4")
            flow[..., 0] = 1
            head = np.array([202021.25], "<f4").tobytes() + np.array(size[::-1], "<i4").tobytes()
            (folder / f"{number:04}.flo").write_bytes(head + flow.tobytes())
    return root


def battles(path: Path, count: int = 40, numbers: int = 5) -> Path:
    """JSON Lines of units; the target has the largest first number."""
    rng = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(count):
            units = rng.normal(size=(rng.integers(3, 8), numbers)).round(3)
            target, won = int(units[:, 0].argmax()), bool(units[:, 1].sum() > 0)
            file.write(
                json.dumps({"entities": units.tolist(), "target": target, "won": won}) + "\n"
            )
    return path


# task -> how to make a small data set of the user's own
OF_TASK = {
    "image_classification": pictures,
    "text_classification": lambda root: texts(root / "texts.csv"),
    "language_mlm": lambda root: prose(root / "prose.txt"),
    "token_classification": lambda root: tagged(root / "tagged.conll"),
    "audio_classification": sounds,
    "multimodal_autoencoding": videos,
    "optical_flow": pairs,
    "starcraft_entities": lambda root: battles(root / "battles.jsonl"),
}
