"""Sets of entities through the served graph."""

from __future__ import annotations

import numpy as np

from perceiver_keras.tasks.starcraft_entities import serve
from perceiver_keras.tasks.starcraft_entities.model import EntityEncoder
from perceiver_keras.tasks.starcraft_entities.presets import TINY


def test_serving_equals_calling_the_model_with_winning_as_a_probability():
    model = EntityEncoder(TINY.model).build_all()
    entities = np.random.default_rng(0).uniform(size=(2, 6, 9)).astype(np.float32)
    mask = np.array([[1] * 6, [1] * 4 + [0] * 2])
    served = serve.serve(model, {"entities": entities, "mask": mask}, TINY, None)
    outputs = model({"entities": entities, "mask": mask})
    for name in ("embeddings", "pooled", "pointer"):
        np.testing.assert_array_equal(served[name], outputs[name])
    logits = outputs["winning"].numpy().astype(np.float64)
    np.testing.assert_allclose(served["winning"], 1 / (1 + np.exp(-logits)), rtol=1e-5)
    np.testing.assert_allclose(served["pointer"].numpy().sum(1), 1, rtol=1e-5)
    # Rows without an entity may hold anything.
    other = np.where(mask[..., None] > 0, entities, 7).astype(np.float32)
    again = serve.serve(model, {"entities": other, "mask": mask}, TINY, None)
    np.testing.assert_allclose(again["pooled"], served["pooled"], atol=1e-5)
