"""The official code's adapter stands alone, and has every model that it is asked for."""

from tests.benchmarks.sides.adapters import made, promised, third_party


def test_it_imports_nothing_of_ours() -> None:
    names = {"haiku", "jax", "numpy", "optax", "perceiver"}
    assert third_party("deepmind.py") == names


def test_it_has_every_model_that_it_is_asked_for() -> None:
    assert made("deepmind.py") == promised("deepmind")
