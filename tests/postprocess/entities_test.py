import numpy as np

from perceiver_keras.postprocess.entities import EntitiesPostprocess

RNG = np.random.default_rng(0)
DECODED = RNG.normal(size=(3, 5, 4)).astype(np.float32)
MASK = np.arange(5)[None] < np.array([[2], [5], [3]])


def test_padding_changes_nothing_and_is_never_meant():
    layer = EntitiesPostprocess(pooled_dim=6)
    outputs = {k: v.numpy() for k, v in layer(DECODED, inputs={"mask": MASK}).items()}
    alone = layer(DECODED[:1, :2])
    for name in ("pooled", "winning"):
        np.testing.assert_allclose(outputs[name][:1], alone[name], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["pointer"][:1, :2], alone["pointer"], rtol=1e-5)
    np.testing.assert_allclose(outputs["pointer"].sum(1), 1, rtol=1e-6)
    assert not outputs["pointer"][~MASK].any() and not outputs["embeddings"][~MASK].any()


def test_a_set_has_no_order():
    layer = EntitiesPostprocess(pooled_dim=6)
    order = RNG.permutation(5)
    one, other = layer(DECODED), layer(DECODED[:, order])
    np.testing.assert_allclose(other["pooled"], one["pooled"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(other["pointer"], one["pointer"].numpy()[:, order], rtol=1e-5)
    assert one["pooled"].shape == (3, 6) and (one["pooled"].numpy() >= 0).all()
