"""Lowers our graphs to XLA's HLO, here, where TensorFlow is; `run_jax.py` runs them on a machine that has JAX alone.

    python scripts/gpu_benchmark/lower.py FOLDER [CASE …]

Nothing is compiled or run. All weights and optimizer slots are arguments of the graph, so that a file takes a few
hundred kilobytes and no weight travels. Each case gives `CASE.hlo.gz`, XLA's serialized module, and `CASE.json`: the
arguments in their order (shape, dtype, kind, how to draw a value of the same statistics) and the counted FLOPs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from cases import CASES, MODELS, Case
from tensorflow import keras
from tensorflow.python.eager.polymorphic_function import compiler_ir

from perceiver_keras import process
from perceiver_keras.config import TaskConfig
from perceiver_keras.config_tree import override
from perceiver_keras.files import write_json, write_whole
from perceiver_keras.policy import precision
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.task import Task
from perceiver_keras.training import cost
from perceiver_keras.training.graph_usage import graph_usage
from perceiver_keras.training.step import TrainStep


@dataclass(frozen=True)
class Lowered:
    """A graph as XLA's HLO.

    Attributes:
      hlo: The serialized HloModuleProto; its parameters are `arguments`, in that order.
      arguments: One entry per parameter; see `_entry`.
      flops: Of matrix products and convolutions, of the whole batch.
      function: What was lowered, in Python, of the inputs' leaves.
      captured: The variables and constants after the inputs, in the order of `arguments`.
    """

    hlo: bytes
    arguments: list[dict[str, Any]]
    flops: int
    function: Any
    captured: list[Any]


def configuration(case: Case) -> tuple[Task, TaskConfig]:
    """The preset with the case's budget, AdamW, and all outputs of a forward pass."""
    task = registry.get(MODELS[case.model][0])
    changes = [
        f"model.attention_memory_mb={case.memory_mb}",
        f"train.recompute={str(case.recompute).lower()}",
        "train.optimizer=adamw",
    ]
    if case.model == "video" and case.kind == "forward":
        changes += ["data.image_points=null", "data.audio_points=null"]
    return task, override(task.presets[MODELS[case.model][1]].config, *changes)


def lowerer(task: Task, config: TaskConfig, kind: str, policy: str) -> Callable[[int], Lowered]:
    """batch size -> the graph of a forward pass, or of the training step that `perceiver train` runs."""
    one = cost.one_example(task, config)
    with precision(policy):
        model = task.build(config).build_all()
        step = None
        if kind == "train":
            step = TrainStep(task, config, model, tf.distribute.get_strategy())

    def run(inputs: Any, targets: Any = None) -> Any:
        if step is None:
            return model(inputs, training=False)
        step._whole_step(inputs, targets, False)
        return step.metrics[0].result()

    def lower(batch: int) -> Lowered:
        spec = tf.nest.map_structure(lambda s: tf.TensorSpec([batch, *s.shape[1:]], s.dtype), one)
        with precision(policy):
            others = [] if step is None else _state(step)
            return lower_function(run, spec[:1] if step is None else spec, model.weights, others)

    return lower


def _state(step: TrainStep) -> list[tf.Variable]:
    metrics = [variable for metric in step.metrics for variable in metric.variables]
    return [*step._optimizer.variables, *metrics, *step.average.averages, step.bad]


def lower_function(
    function: Callable[..., Any],
    spec: Sequence[Any],
    weights: Sequence[tf.Variable],
    state: Sequence[tf.Variable],
) -> Lowered:
    """`spec`: of the arguments of `function`, structures of tensors; the variables are all that it may use."""
    leaves = tf.nest.flatten(list(spec))

    def of_leaves(*tensors: tf.Tensor) -> list[tf.Tensor]:
        return tf.nest.flatten(function(*tf.nest.pack_sequence_as(list(spec), tensors)))

    flat = tf.function(of_leaves, jit_compile=True, autograph=False)
    concrete = flat.get_concrete_function(*leaves)
    hlo = compiler_ir.from_concrete_function(concrete)("hlo_serialized")
    # The optimizer's current rate is among the graph's variables alone, and the metrics' are not among them.
    kinds = ("state", concrete.graph.variables), ("state", state), ("weight", weights)
    variables = {id(v.handle): (kind, v) for kind, of_kind in kinds for v in of_kind}
    captured = [variables.get(id(value), ("constant", value)) for value in concrete.captured_inputs]
    arguments = [_entry("input", leaf) for leaf in leaves]
    arguments += [_entry(kind, value, value) for kind, value in captured]
    values = [value for _, value in captured]
    return Lowered(hlo, arguments, graph_usage(concrete.graph).flops, of_leaves, values)


def _entry(kind: str, like: Any, value: Any = None) -> dict[str, Any]:
    """What a parameter is; of weights and state, also the mean and the deviation that a drawn value should have."""
    found = {"kind": kind, "shape": list(like.shape), "dtype": tf.as_dtype(like.dtype).name}
    if value is not None:
        numbers = np.asarray(tf.reshape(value, [-1])[:100_000], np.float64)
        found |= {"mean": float(numbers.mean()), "deviation": float(numbers.std())}
    return found


def write(lowered: Lowered, folder: Path, case: Case) -> int:
    """Returns the bytes of the compressed graph."""
    packed = gzip.compress(lowered.hlo, 9)
    write_whole(folder / f"{case.name}.hlo.gz", packed)
    write_json(
        folder / f"{case.name}.json", {"arguments": lowered.arguments, "flops": lowered.flops}
    )
    return len(packed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("cases", nargs="*", help="names; default: all that are not there yet")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    process.on_gpu = lambda: True  # where they will run
    wanted = [
        case
        for case in CASES
        if case.name in chosen.cases
        or not (chosen.cases or (chosen.folder / f"{case.name}.json").exists())
    ]
    together = lambda case: replace(case, batch=0)  # noqa: E731
    while wanted:
        group = [case for case in wanted if together(case) == together(wanted[0])]
        wanted = [case for case in wanted if case not in group]
        lower = lowerer(*configuration(group[0]), group[0].kind, group[0].policy)
        for case in group:
            begin = time.perf_counter()
            size = write(lower(case.batch), chosen.folder, case)
            seconds = round(time.perf_counter() - begin)
            print(
                json.dumps({"case": case.name, "kB": size // 1000, "seconds": seconds}), flush=True
            )
        del lower
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
