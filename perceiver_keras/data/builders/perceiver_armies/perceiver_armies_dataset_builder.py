"""Moments of simulated battles between armies of up to 512 units as a TFDS data set."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from perceiver_keras.data.builders.perceiver_battles.perceiver_battles_dataset_builder import Battle

FEWEST = 8  # units on the first side
ODDS = (0.8, 1.25)  # of the other side's units to the first side's
MOMENTS, LATEST = 4, 12  # of one battle, and the turns from which they are drawn
TURNS = 200  # after which a battle ends


@dataclasses.dataclass
class ArmiesConfig(tfds.core.BuilderConfig):
    """How many units both sides have together at most, and how many battles each split is made of."""

    most: int = 512
    battles: dict[str, int] = dataclasses.field(default_factory=dict)


def draw(rng: np.random.Generator, most: int) -> Battle:
    """A battle of sides of similar size; sizes are uniform in their logarithm."""
    half = most // 2
    first = round(float(np.exp(rng.uniform(np.log(FEWEST), np.log(half)))))
    second = min(half, max(2, round(first * rng.uniform(*ODDS))))
    return Battle.draw(rng, (first, second))


def moments(seed: list[int], most: int) -> Iterator[dict]:
    """The examples of one battle: an actor of either side in each, and the outcome for its side."""
    rng = np.random.default_rng(seed)
    battle = draw(rng, most)
    turns = rng.choice(LATEST, MOMENTS, replace=False)
    kept = []
    for turn in range(TURNS):
        if battle.over():
            break
        if turn in turns:
            kept.append(battle.copy())
        battle.turn()
    for moment in kept:
        actor = int(rng.choice(np.flatnonzero(moment.health > 0)))
        entities, mask, target = moment.entities(rng, actor, most)
        won = battle.won(moment.side[actor])
        yield {"entities": entities, "mask": mask, "label": [target, int(won)]}


class Builder(tfds.core.GeneratorBasedBuilder):
    """The units of a moment, which one the acting unit attacks, and who wins."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [
        ArmiesConfig(
            name="of_512",
            description="Up to 512 units, as in StarCraft II.",
            battles={"train": 1500, "validation": 100, "test": 250},
        ),
        ArmiesConfig(
            name="of_64",
            description="Up to 64 units and few battles, to try things.",
            most=64,
            battles={"train": 100, "validation": 20, "test": 20},
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        most = self.builder_config.most
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "entities": tfds.features.Tensor(shape=(most, 9), dtype=np.float32),
                    "mask": tfds.features.Tensor(shape=(most,), dtype=np.int64),
                    "label": tfds.features.Tensor(shape=(2,), dtype=np.int64),
                }
            ),
            homepage="https://arxiv.org/abs/2107.14795",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {
            split: self._generate_examples(number, count)
            for number, (split, count) in enumerate(self.builder_config.battles.items())
        }

    def _generate_examples(self, seed: int, count: int) -> Iterator[tuple[int, dict]]:
        for number in range(count):
            found = moments([512, seed, number], self.builder_config.most)
            for place, moment in enumerate(found):
                yield MOMENTS * number + place, moment
