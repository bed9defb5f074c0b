"""Settings of the entity encoder against the paper and the data set that they name."""

from __future__ import annotations

import numpy as np

from perceiver_keras.data.builders.perceiver_battles import (
    perceiver_battles_dataset_builder as builder,
)
from perceiver_keras.tasks.starcraft_entities.model import EntityEncoder
from perceiver_keras.tasks.starcraft_entities.presets import PRESETS, TINY


def test_the_paper_s_encoder_has_its_sizes():
    """Section 4.4: 32 latents, 3 layers; 2 heads, 128 features, MLP 1024, output 256 as what it replaces."""
    m = PRESETS["starcraft_entities"].config.model
    model = EntityEncoder(m).build_all()
    layer = model.process.self_attentions[0]
    shapes = {tuple(w.shape) for w in layer.weights}
    assert (128, 1024) in shapes and (1024, 128) in shapes
    assert len(model.process.self_attentions) == 3 and m.encode.num_latents == 32
    outputs = model({"entities": np.zeros((1, 5, 256), np.float32), "mask": np.ones((1, 5))})
    assert outputs["embeddings"].shape == (1, 5, 256)


def test_features_are_the_builder_s():
    assert len(TINY.model.features) == 9 and TINY.model.max_entities == builder.MOST
    battle = builder.Battle.draw(np.random.default_rng(0))
    rows, _, _ = battle.entities(np.random.default_rng(1), actor=0)
    acting = rows[rows[:, TINY.model.features.index("acting")] == 1]
    expected = {
        "archer": battle.kind[0] == 0,
        "soldier": battle.kind[0] == 1,
        "cannon": battle.kind[0] == 2,
        "enemy": 0,
        "acting": 1,
        "health": battle.health[0] / 100,
        "share": battle.health[0] / builder.HEALTH[battle.kind[0]],
        "x": battle.place[0, 0],
        "y": battle.place[0, 1],
    }
    np.testing.assert_allclose(
        acting, [[expected[name] for name in TINY.model.features]], rtol=1e-6
    )
