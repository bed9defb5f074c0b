"""The adapter of tensorflow/models stands alone, and has every model that it is asked for."""

from tests.benchmarks.sides.adapters import made, promised, third_party


def test_it_imports_nothing_of_ours() -> None:
    assert third_party("tensorflow_models.py") == {"official", "tensorflow"}


def test_it_has_every_model_that_it_is_asked_for() -> None:
    assert made("tensorflow_models.py") == promised("tensorflow_models")
