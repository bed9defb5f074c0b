"""Makes the files next to it, a small input for each task, all our own: `python examples/samples/make.py [FOLDER]`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from perceiver_keras.data import audio
from perceiver_keras.data.builders.perceiver_battles import perceiver_battles_dataset_builder
from perceiver_keras.data.builders.perceiver_clips import perceiver_clips_dataset_builder as shapes
from perceiver_keras.data.builders.perceiver_sounds import perceiver_sounds_dataset_builder as kinds
from perceiver_keras.data.video import clips

# A seven, as scikit-learn's digits are: 8x8, ink from 0 to 9 on an empty ground.
SEVEN = """\
00588860
00999990
00000980
00005930
00389840
00099200
00097000
00960000
"""
TEXTS = {
    "masks.txt": "Return the len[MASK][MASK] of the list.\nThe following exam[MASK]le shows how.\n",
    "passages.txt": "Return the square root of the decimal.\nMove the turtle forward by the distance.\n",
    "sentences.txt": "cola: the value of an is expression\nrte: the name of the func ||| tion is returned\n",
    "code.txt": "for i in range(10):\n    total += i  # a sum\n",
}


def digit() -> bytes:
    rows = [[int(ink) for ink in line] for line in SEVEN.splitlines()]
    return png((np.array(rows) * 255 / 9).round())


def frames(size: tuple[int, int] = (48, 72), motion: tuple[float, float] = (1.5, -0.5)) -> list:
    """Two frames of a texture of waves that moves by `motion` pixels (right, down)."""
    rng = np.random.default_rng(7)
    waves = rng.normal(scale=0.35, size=(3, 24, 2))  # colour channel, wave, radians per pixel
    phases = rng.uniform(0, 2 * np.pi, (3, 24))
    made = []
    for time in (0, 1):
        y, x = np.mgrid[: size[0], : size[1]].astype(float)
        place = np.stack([x - time * motion[0], y - time * motion[1]], -1)
        light = np.cos(place @ waves.reshape(-1, 2).T + phases.reshape(-1))
        light = light.reshape(*size, 3, 24).sum(-1) / np.sqrt(24 / 2)
        made.append(png(np.clip(128 + 50 * light, 0, 255).round()))
    return made


def png(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def clip() -> bytes:
    """A moving disc with its tone, as in `perceiver_clips`, in a video of four frames."""
    disc = shapes.SHAPES.index("disc")
    pixels, radius = shapes.render(np.random.default_rng(3), disc)
    samples = shapes.SAMPLES * len(pixels)
    tone = shapes.tone(disc, 2 * radius / pixels.shape[1], samples)
    return clips.to_mp4(pixels / 255, tone, shapes.RATE)


def sound() -> bytes:
    """A rising chirp over a low tone, as in `perceiver_sounds`."""
    rng = np.random.default_rng(3)
    return audio.encode_wav(
        kinds.draw(rng, "rising chirp") + kinds.draw(rng, "low tone"), kinds.RATE
    )


def battle() -> str:
    """One moment of a battle, as in `perceiver_battles`, without the empty rows."""
    rng = np.random.default_rng(3)
    rows, mask, _ = perceiver_battles_dataset_builder.Battle.draw(rng).entities(rng, actor=0)
    units = [[round(float(number), 3) for number in row] for row in rows[mask > 0]]
    return json.dumps({"entities": units}) + "\n"


def main(folder: Path) -> None:
    first, second = frames()
    made = {
        **{"digit.png": digit(), "frame1.png": first, "frame2.png": second},
        **{"clip.mp4": clip(), "sound.wav": sound(), "battle.json": battle().encode()},
        **{name: text.encode() for name, text in TEXTS.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
