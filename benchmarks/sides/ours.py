"""Our side: a task's model as users run it, in graph mode or compiled with XLA.

Forward passes and training steps are those of `perceiver_keras` itself; nothing is made faster for the benchmark.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from perceiver_keras import stack
from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import to_dict
from perceiver_keras.policy import precision
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.tasks.task import Task
from perceiver_keras.training.cost import abstract, estimate, one_example
from perceiver_keras.training.graph_usage import usage
from perceiver_keras.training.step import TrainStep, build_model
from perceiver_keras.training.strategy import make_strategy

# Training keeps float32 weights.
POLICIES = {
    "forward": {"float32": "float32", "bfloat16": "bfloat16"},
    "train": {"float32": "float32", "bfloat16": "mixed_bfloat16"},
}
# AdamW and nothing else, as every peer can do it.
PLAIN_STEP = (
    *("train.optimizer=adamw", "train.weight_decay=0.01", "train.clip_norm=null"),
    *("train.ema_decay=0", "train.init=null", "train.gradient_accumulation=1"),
)


def versions() -> dict[str, str]:
    names = ("perceiver-keras", "tensorflow", "numpy")
    return {name: importlib.metadata.version(name) for name in names}


def describe(case: dict[str, Any]) -> dict[str, Any]:
    """The settings of a case, for the peers' adapters, and what one call costs: counted in our graph, which never runs.

    Returns:
      {"model": the model's settings as a tree, "data": those of the data, "batch": examples at once,
      "parameters": how many, "flops": of one call}.
    """
    task, config = _configured(case)
    size = config.data.batch_size
    told = {
        "model": to_dict(config.model),
        "data": {"batch_size": size}
        | {name: getattr(config.data, name, None) for name in ("image_points", "audio_points")},
        "batch": size,
    }
    if case["kind"] == "train":
        cost = estimate(task, config, batch_size=size, evaluation_batch_size=1)
        flops = cost.training_flops * size * case["steps"]
        return told | {"parameters": cost.parameters, "flops": flops}
    with precision(POLICIES[case["kind"]][case["precision"]]), abstract():
        model = task.build(config)
        spec = _input_spec(task, config, model, case["points"], size)
        placed = tf.nest.map_structure(lambda s: tf.compat.v1.placeholder(s.dtype, s.shape), spec)
        outputs = model(placed, training=False)
        counted = usage(tf.nest.flatten(outputs)).flops
    return told | {"parameters": _count(model), "flops": counted}


def build(case: dict[str, Any]) -> dict[str, Any]:
    tf.config.threading.set_inter_op_parallelism_threads(case["threads"])
    tf.config.threading.set_intra_op_parallelism_threads(case["threads"])
    makers = {
        "forward": _forward,
        "train": _train,
        "products": _products,
        "pipeline": _pipeline,
    }
    return makers[case["kind"]](case)


def _configured(case: dict[str, Any]) -> tuple[Task, TaskConfig]:
    task = registry.get(case["task"])
    own = [f"train.jit_compile={'on' if case.get('xla') else 'off'}"]
    if case["kind"] == "train":
        own += [f"train.precision={POLICIES['train'][case['precision']]}", *PLAIN_STEP]
    if case["batch"]:
        own.append(f"data.batch_size={case['batch']}")
    return task, task.configure(case["preset"], overrides=[*case["settings"], *own])


def _forward(case: dict[str, Any]) -> dict[str, Any]:
    stack.only_predicts()  # as `perceiver predict` and the embedded server do
    task, config = _configured(case)
    with precision(POLICIES["forward"][case["precision"]]):
        model = task.build(config)
        spec = _input_spec(task, config, model, case["points"], config.data.batch_size)
        build_model(model, spec)

        @tf.function(jit_compile=bool(case.get("xla")))
        def run(inputs: Any) -> Any:
            return model(inputs, training=False)

        inputs = tf.nest.map_structure(_numbers, spec)
        return {
            "compile": lambda: run.get_concrete_function(inputs),
            "call": lambda: _wait(run(inputs)),
            "parameters": _count(model),
            "examples": config.data.batch_size,
        }


def _train(case: dict[str, Any]) -> dict[str, Any]:
    task, config = _configured(case)
    with precision(config.train.precision):
        strategy = make_strategy(config.train)
        spec = _batch_of(one_example(task, config), config.data.batch_size)
        model = task.build(config)
        build_model(model, spec[0])
        step = TrainStep(task, config, model, strategy)
    batch = tf.nest.map_structure(_numbers, spec)
    batches, count = iter(tf.data.Dataset.from_tensors(batch).repeat()), tf.constant(case["steps"])

    def call() -> None:
        step.run(batches, count)
        int(step.bad.read_value())  # waits until the device is done

    def trace() -> None:
        with precision(config.train.precision):
            step.run.get_concrete_function(batches, count)

    return {
        "compile": trace,
        "call": call,
        "parameters": _count(model),
        "examples": config.data.batch_size * case["steps"],
    }


def _products(case: dict[str, Any]) -> dict[str, Any]:
    """Products of square matrices, as fast as this library does them."""
    dtype, side = tf.as_dtype(case["precision"]), case["x"]
    matrix = tf.cast(tf.random.uniform([side, side]) / side, dtype)

    @tf.function
    def run(product: tf.Tensor) -> tf.Tensor:
        for _ in range(case["steps"]):
            product = tf.matmul(product, matrix)
        return product

    return {"call": lambda: _wait(run(matrix))}


def _pipeline(case: dict[str, Any]) -> dict[str, Any]:
    """The batches of a task's training, read, decoded and augmented, without a model."""
    task, config = _configured(case)
    batches = iter(TaskData(task, config).train_batches())

    def call() -> None:
        for _ in range(case["steps"]):
            next(batches)

    return {"call": call, "examples": config.data.batch_size * case["steps"]}


def _count(model: Any) -> int:
    """Numbers that are trained."""
    return sum(weight.shape.num_elements() for weight in model.trainable_variables)


def _input_spec(task: Task, config: TaskConfig, model: Any, points: bool, size: int) -> Any:
    if points:
        return _batch_of(one_example(task, config)[0], size)
    inputs = model.symbolic_inputs()
    return tf.nest.map_structure(
        lambda one: tf.TensorSpec([size, *one.shape[1:]], one.dtype), inputs
    )


def _batch_of(spec: Any, size: int) -> Any:
    return tf.nest.map_structure(lambda s: tf.TensorSpec([size, *s.shape[1:]], s.dtype), spec)


def _numbers(spec: tf.TensorSpec) -> tf.Tensor:
    """Inputs or targets that every model takes: numbers in [0, 1), ids and classes 0 and 1, nothing masked."""
    random = np.random.default_rng(0)
    if spec.dtype == tf.bool:
        return tf.ones(spec.shape, tf.bool)
    if spec.dtype.is_integer:
        return tf.constant(random.integers(0, 2, spec.shape), spec.dtype)
    return tf.constant(random.random(spec.shape), spec.dtype)


def _wait(results: Any) -> None:
    """Until the device has computed them."""
    waits: Callable[[tf.Tensor], Any] = lambda one: tf.reshape(one, [-1])[:1].numpy()  # noqa: E731
    for one in tf.nest.flatten(results):
        waits(one)
