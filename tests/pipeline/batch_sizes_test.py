"""The pipeline's `auto` batch sizes are numbers before anything is cached."""

from __future__ import annotations

from perceiver_keras.pipeline.batch_sizes import fitted
from perceiver_keras.pipeline.settings import PipelineSettings


def settings(folder, *overrides: str) -> PipelineSettings:
    return PipelineSettings.create("image_classification", run_dir=folder, overrides=overrides)


def test_auto_becomes_the_same_numbers_every_time(tmp_path):
    overrides = ("data.batch_size=auto", "evaluate.batch_size=auto", "data.max_examples=50")
    said: list[str] = []
    first = fitted(settings(tmp_path, *overrides), said.append)
    assert (first.config.data.batch_size, first.config.evaluate.batch_size) == (50, 50)
    assert said and fitted(settings(tmp_path, *overrides)).config == first.config
    assert fitted(first) is first


def test_evaluations_batches_reach_the_trainer_and_lose_no_steps(tmp_path):
    one, two = settings(tmp_path), settings(tmp_path, "evaluate.batch_size=8")
    assert two.train_config()["evaluate"]["batch_size"] == 8
    assert one.training_state("data") == two.training_state("data")
