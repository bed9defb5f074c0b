"""Estimates against real models, the paper's numbers and measured memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from perceiver_keras.config_tree import override
from perceiver_keras.tasks import registry
from perceiver_keras.training.cost import Cost, estimate, one_example
from perceiver_keras.training.step import TrainStep, build_model
from tests import tiny_training


def cost_of(task: str, preset: str, batch_size: int = 1) -> Cost:
    found = registry.get(task)
    config = found.preset(preset).config
    return estimate(found, config, batch_size=batch_size, evaluation_batch_size=batch_size)


def test_the_papers_parameters_and_flops():
    """201M parameters and 113B FLOPs (Tab. 1): the paper leaves the embedding of the outputs out."""
    cost = cost_of("language_mlm", "language_mlm_bytes")
    assert cost.parameters == 201_108_230
    assert cost.flops == pytest.approx(113e9, rel=0.15)
    assert cost.training_flops == pytest.approx(3 * cost.flops, rel=0.1)
    assert cost.state >= 3 * 4 * cost.parameters


def test_the_state_is_that_of_the_real_training_step():
    task = registry.get("image_classification")
    config = task.preset("tiny").config
    cost = estimate(task, config)
    model = task.build(config)
    build_model(model, one_example(task, config)[0])
    step = TrainStep(task, config, model, tf.distribute.get_strategy())
    variables = [*model.variables, *step._optimizer.variables(), *step.average.averages]
    real = sum(v.shape.num_elements() * v.dtype.size for v in variables)
    assert cost.parameters == sum(v.shape.num_elements() for v in model.trainable_variables)
    assert cost.state == pytest.approx(real, rel=0.01)
    # Models made before an estimate still work: it leaves Keras as it was.
    assert model(tf.zeros([1, 8, 8, 1])).shape == (1, 10)


def test_more_examples_take_more_and_accumulation_keeps_a_sum():
    task = registry.get("image_classification")
    config = task.preset("tiny").config
    few, many = (estimate(task, config, batch_size=size) for size in (64, 256))
    assert 3 < (many.training - many.state) / (few.training - few.state) < 4.1
    summed = estimate(task, override(config, "train.gradient_accumulation=2"))
    assert summed.state - estimate(task, config).state == 4 * summed.parameters


def test_recomputing_takes_less_memory_and_one_more_forward_pass():
    task = registry.get("language_mlm")
    config = override(
        task.preset("language_mlm_bytes").config, "model.process.num_self_attention_layers=4"
    )
    kept, again = (
        estimate(
            task, override(config, f"train.recompute={on}"), batch_size=8, evaluation_batch_size=1
        )
        for on in ("false", "true")
    )
    # Norms and GELU keep their input alone in any case.
    assert again.training - again.state < 0.7 * (kept.training - kept.state)
    assert kept.training_flops + 0.5 * kept.flops < again.training_flops
    assert again.training_flops < kept.training_flops + 1.1 * kept.flops
    assert (again.state, again.evaluation) == (kept.state, kept.evaluation)


def measure(folder: str) -> None:
    """In a process of its own: the peak of resident memory over a training step, less what was there before."""
    task = registry.get("image_classification")
    config = override(task.preset("tiny").config, "data.batch_size=2048")
    cost = estimate(task, config)
    spec = one_example(task, config)
    batch = tf.nest.map_structure(lambda s: tf.ones([2048, *s.shape[1:]], s.dtype), spec)
    before = _status("VmRSS")
    model = task.build(config)
    build_model(model, tf.TensorSpec(batch[0].shape, batch[0].dtype))
    step = TrainStep(task, config, model, tf.distribute.get_strategy())
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    step.run(batches, tf.constant(2), step.freeze.at(0))
    Path(folder, "numbers").write_text(f"{cost.training} {_status('VmHWM') - before}")


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def test_the_estimate_is_near_what_a_process_takes(tmp_path):
    process = tiny_training.processes.Process(target=measure, args=(str(tmp_path),))
    process.start()
    process.join(240)
    estimated, measured = map(int, (tmp_path / "numbers").read_text().split())
    overhead = 256 * 2**20  # graphs and threads: `fit_memory.OVERHEAD`
    assert 0.85 * measured < estimated + overhead < 1.35 * measured
