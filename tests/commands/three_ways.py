"""One model asked by `predict` as weights, as the SavedModel made of them, and behind a server."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perceiver_keras.server.settings import ModelSource
from tests.commands.command_line import told
from tests.server.running import running


def answers(*arguments: object) -> list:
    return [prediction["answer"] for prediction in told("predict", *arguments)["predictions"]]


def three_ways(official: Path, folder: Path, task: str, sizes: list[str], *asked: object):
    """The answers from a preset folder, after those of the SavedModel, here and served, are found to be the same."""
    overrides = [word for size in sizes for word in ("--set", size)]
    told("convert", official, folder / "ours", "--to", "keras", *overrides)
    told("convert", folder / "ours", folder / "served" / "1", "--to", "savedmodel")
    numbers = {}
    with running([ModelSource(name="only", base_path=str(folder / "served"))]) as server:
        grpc, rest = server.addresses
        for option, model in (
            ("--weights", folder / "ours"),
            ("--model", folder / "served"),
            ("--server", rest if task == "language_mlm" else grpc),
        ):
            saved = folder / f"{option[2:]}.npz"
            found = answers(task, *asked, option, model, "--save", saved)
            with np.load(saved) as arrays:
                numbers[option] = found, {name: arrays[name] for name in arrays.files}
    own, own_numbers = numbers["--weights"]
    for served, served_numbers in numbers.values():
        assert own_numbers.keys() == served_numbers.keys()
        for name, value in own_numbers.items():
            if value.dtype.kind == "f":
                np.testing.assert_allclose(value, served_numbers[name], rtol=1e-4, atol=1e-5)
            else:
                np.testing.assert_array_equal(value, served_numbers[name])
        assert len(own) == len(served)
    return own
