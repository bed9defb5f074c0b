"""Moments of simulated battles as a TFDS data set: sets of units with a target and an outcome."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow_datasets as tfds

MOST = 10  # units of both sides together
# By type: full health, damage per blow, reach, distance walked per turn. Distances are shares of the field's side.
HEALTH, DAMAGE, REACH, SPEED = (
    np.array(row) for row in ((45, 100, 60), (6, 8, 15), (0.3, 0.06, 0.45), (0.08, 0.1, 0.04))
)
CAUTION = 0.3  # a foe in full health counts as this much farther away than a dying one


@dataclasses.dataclass
class Battle:
    """Units, one per row: type, side (0 or 1), health left, place (x, y from 0 to 1)."""

    kind: np.ndarray
    side: np.ndarray
    health: np.ndarray
    place: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, counts: Sequence[int] | None = None) -> Battle:
        """A battle at its beginning, with `counts` units on each side; by default two to five."""
        if counts is None:
            counts = rng.integers(2, MOST // 2 + 1, 2)
        side = np.repeat([0, 1], counts)
        kind = rng.integers(3, size=len(side))
        place = rng.uniform(size=(len(side), 2)) * [0.6, 1] + np.outer(side, [0.4, 0])
        return cls(kind, side, HEALTH[kind] * rng.uniform(0.4, 1, len(side)), place)

    def targets(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The foes that `units` attack or walk towards, integers [units], and the vectors to them [units, 2]."""
        alive = np.flatnonzero(self.health > 0)
        way = self.place[alive][None] - self.place[units, None]
        away = np.sqrt((way**2).sum(-1))
        foes = self.side[alive][None] != self.side[units, None]
        worth = CAUTION * self.health[alive] / HEALTH[self.kind[alive]]
        chosen = np.where(foes, away + worth, np.inf).argmin(1)
        return alive[chosen], way[np.arange(len(units)), chosen]

    def target(self, unit: int) -> int:
        return int(self.targets(np.array([unit]))[0][0])

    def over(self) -> bool:
        alive = self.side[self.health > 0]
        return alive.min(initial=1) == alive.max(initial=0) or not len(alive)

    def turn(self) -> None:
        """Each living unit strikes its target if it can reach it, else walks towards it; all blows fall at once."""
        units = np.flatnonzero(self.health > 0)
        kind = self.kind[units]
        chosen, way = self.targets(units)
        away = np.sqrt((way**2).sum(-1))
        reached = away <= REACH[kind]
        np.subtract.at(self.health, chosen[reached], DAMAGE[kind[reached]])
        step = np.where(reached, 0, np.minimum(SPEED[kind], away))
        self.place[units] += way / np.maximum(away, 1e-9)[:, None] * step[:, None]

    def copy(self) -> Battle:
        return dataclasses.replace(self, health=self.health.copy(), place=self.place.copy())

    def won(self, side: int) -> bool:
        """Whether more health is left on this side."""
        left = self.health.clip(0)
        return bool(left[self.side == side].sum() > left[self.side != side].sum())

    def entities(
        self, rng: np.random.Generator, actor: int, most: int = MOST
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """Features float32 [most, 9], mask int64 [most], and the row of the actor's target."""
        alive = rng.permutation(np.flatnonzero(self.health > 0))
        rows = np.zeros((most, 9), np.float32)
        kind = self.kind[alive]
        rows[np.arange(len(alive)), kind] = 1
        rows[: len(alive), 3] = self.side[alive] != self.side[actor]
        rows[: len(alive), 4] = alive == actor
        rows[: len(alive), 5] = self.health[alive] / 100
        rows[: len(alive), 6] = self.health[alive] / HEALTH[kind]
        rows[: len(alive), 7:] = self.place[alive]
        mask = (np.arange(most) < len(alive)).astype(np.int64)
        return rows, mask, int(np.flatnonzero(alive == self.target(actor))[0])


class Builder(tfds.core.GeneratorBasedBuilder):
    """The units of a moment, which one the acting unit attacks, and who wins."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    COUNTS = {"train": 5000, "validation": 300, "test": 600}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "entities": tfds.features.Tensor(shape=(MOST, 9), dtype=np.float32),
                    "mask": tfds.features.Tensor(shape=(MOST,), dtype=np.int64),
                    "label": tfds.features.Tensor(shape=(2,), dtype=np.int64),
                }
            ),
            homepage="https://arxiv.org/abs/2107.14795",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {
            split: self._generate_examples(number, count)
            for number, (split, count) in enumerate(self.COUNTS.items())
        }

    def _generate_examples(self, seed: int, count: int) -> Iterator[tuple[int, dict]]:
        """One moment of each battle, early enough for it to be undecided."""
        rng = np.random.default_rng([404, seed])
        for key in range(count):
            battle = Battle.draw(rng)
            for _ in range(int(rng.integers(0, 4))):
                before = battle.copy()
                battle.turn()
                if battle.over():
                    battle = before
                    break
            actor = int(rng.choice(np.flatnonzero(battle.health > 0)))
            entities, mask, target = battle.entities(rng, actor)
            for _ in range(200):
                if battle.over():
                    break
                battle.turn()
            won = battle.won(battle.side[actor])
            yield key, {"entities": entities, "mask": mask, "label": [target, int(won)]}
