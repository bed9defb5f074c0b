"""Asks a model of every task through the page of `perceiver serve`, in a headless Chromium, and keeps pictures of it.

    python scripts/try_page.py FOLDER [TASK …]

FOLDER keeps the exports (fresh weights, of the tiny presets) and the pictures: light and wide, dark and wide, light and
narrow, where there is one with the map of attention open. It fails if an answer does not come, if the page throws, or
if it asks any other host.
"""

from __future__ import annotations

import json
import sys
import wave
from pathlib import Path
from urllib.parse import urlsplit

from perceiver_keras.data.store import source
from perceiver_keras.server.settings import ModelSource
from perceiver_keras.tasks import registry, warm_up_examples
from tests.chromium import Tab, chromium
from tests.server.running import running

SAMPLES = Path(__file__).absolute().parents[1] / "examples" / "samples"
# What is entered, by the field; a path is a file that is dropped.
ENTERED = {
    "image_classification": [("input[type=file]", [SAMPLES / "digit.png"])],
    "optical_flow": [("input[type=file]", [SAMPLES / "frame1.png", SAMPLES / "frame2.png"])],
    "language_mlm": [("textarea", (SAMPLES / "masks.txt").read_text())],
    "glue": [("textarea", "The value of an is expression.")],
    "token_classification": [("textarea", (SAMPLES / "code.txt").read_text())],
    "text_classification": [("textarea", (SAMPLES / "passages.txt").read_text())],
    "multimodal_autoencoding": [("input[type=file]", [SAMPLES / "clip.mp4"])],
    "audio_classification": [("input[type=file]", [SAMPLES / "sound.wav"])],
    "starcraft_entities": [("textarea", (SAMPLES / "battle.json").read_text())],
}
# What a form says of the files that it holds.
SHOWN = (
    "((document.querySelector('form figcaption') ?? document.querySelector('form .quiet'))"
    "?.textContent ?? null)"
)
ATTENTION = "document.querySelector('.answer > details:last-child summary')"
ANSWERED = "!document.getElementById('code').hidden || document.querySelector('.error')"


def export(name: str, folder: Path) -> None:
    """A version of the task's tiny preset, if there is none."""
    from perceiver_keras.export import export_saved_model

    if any(folder.glob("*/saved_model.pb")):
        return
    task = registry.get(name)
    config = task.presets["tiny"].config
    found = warm_up_examples.of(task, config)
    labels = source.label_names(source.open_builder(config.data.dataset), task.examples.label_key)
    model = task.build(config).build_all()
    export_saved_model(
        task, config, model, str(folder / "1"), labels=labels, preset="tiny",
        warmup=found.examples, limits=found.limits,
        attention=task.serving.attended is not None,
    )  # fmt: skip


def ask(tab: Tab, name: str, folder: Path) -> None:
    """The example, then what people would enter, with a picture of each."""
    tab.shape(1200, 900)
    tab.run(f"location.hash = {name!r}")
    tab.wait(f"document.querySelector('#about strong')?.textContent === {name!r}")
    tab.click("#example")
    tab.wait("!document.getElementById('example').disabled")
    answer(tab, name, "its example")
    for selector, value in ENTERED[name]:
        if isinstance(value, str):
            tab.fill(selector, value)
        elif name == "audio_classification":
            tab.files(selector, [longer(value[0], folder / "longer.wav")])
            tab.wait(f"{SHOWN}?.startsWith('longer.wav')")
        else:
            before = tab.run(SHOWN)
            tab.files(selector, value)
            tab.wait(f"{SHOWN} !== {json.dumps(before)} || document.querySelector('.error')")
    answer(tab, name, "what was entered")
    if registry.get(name).serving.attended:
        tab.run(f"{ATTENTION}.click()")
        tab.wait(f"{ATTENTION}.nextSibling.querySelector('canvas, .attended, .error')")
        if error := tab.text(".error"):
            raise SystemExit(f"{name}, attention: {error}")
    tab.picture(folder / f"{name}.png")
    tab.shape(1200, 900, dark=True)
    tab.picture(folder / f"{name}_dark.png")
    tab.shape(390, 844)
    tab.picture(folder / f"{name}_narrow.png")


def longer(sound: Path, path: Path) -> Path:
    """The sound, a pause and the sound again, four times: more than the tiny model hears at once."""
    with wave.open(str(sound)) as read, wave.open(str(path), "wb") as write:
        write.setparams(read.getparams())
        samples = read.readframes(read.getnframes())
        write.writeframes((samples + bytes(len(samples))) * 4)
    return path


def answer(tab: Tab, name: str, what: str) -> None:
    """Asks, and waits for an answer."""
    tab.run("document.getElementById('code').hidden = true")
    tab.click("#ask")
    tab.wait(f"({ANSWERED}) && !document.getElementById('ask').disabled")
    if error := tab.text(".error"):
        raise SystemExit(f"{name}, {what}: {error}")
    told = tab.text("#shown").replace("\n", " | ")[:150]
    print(f"{name}, {what}: {tab.text('#timing')}: {told}", flush=True)


def main(arguments: list[str]) -> int:
    folder, names = Path(arguments[0]), arguments[1:] or registry.names()
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        export(name, folder / "exports" / name)
    sources = [ModelSource(name=n, base_path=str(folder / "exports" / n)) for n in names]
    with running(sources, seconds=600) as server, chromium() as browser:
        tab = Tab(browser)
        tab.open(server.addresses[1])
        for name in names:
            ask(tab, name, folder)
        hosts = {urlsplit(address).netloc for address in tab.asked} - {""}
        if tab.problems or hosts != {urlsplit(server.addresses[1]).netloc}:
            raise SystemExit(f"hosts {hosts}, problems {tab.problems}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
