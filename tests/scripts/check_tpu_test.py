"""Training steps as programs for a TPU; `scripts/check_tpu.py` alone tries every preset."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

from perceiver_keras.tasks import registry

# One for each kind of step: embeddings with AdamW and metrics of many parts; convolution, batch norm, bfloat16 and
# LAMB; random points and masks.
STEPS = (
    "glue:tiny",
    "image_classification:imagenet_conv_preprocessing",
    "multimodal_autoencoding:tiny",
)


@pytest.fixture(scope="module")
def check(repository: Path) -> ModuleType:
    path = repository / "scripts" / "check_tpu.py"
    spec = importlib.util.spec_from_file_location("check_tpu", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_a_program_of_fixed_shapes_and_operations_that_tpus_have(check, step):
    name, _, preset = step.partition(":")
    task = registry.get(name)
    operations, text = check.program(task, check.small(task.configure(preset), layers=2))
    assert operations["MatMul"] and " dot(" in text
    assert list(check.problems(operations, text)) == []


def test_a_sparse_update_and_strings_are_found(check):
    """What AdamW did with embeddings."""

    @tf.function(jit_compile=True)
    def rows(numbers):
        return tf.reduce_sum(tf.unique(numbers)[0])

    graph = rows.get_concrete_function(tf.TensorSpec([8], tf.int32)).graph.as_graph_def()
    text = rows.experimental_get_compiler_ir(tf.TensorSpec([8], tf.int32))(stage="hlo")
    found = list(check.problems(Counter(node.op for node in graph.node), text))
    assert "Unique is not an operation that TPUs are known to have" in found
    assert any("are not fixed" in one for one in found)
    assert list(check.problems(Counter(["StringJoin", "MatMul"]), "")) == [
        "StringJoin is not an operation that TPUs are known to have"
    ]


def test_what_googles_list_is_too_old_for_is_compiled_for_all_devices_of_xla(check):
    tf.function(lambda: tf.zeros([]), jit_compile=True)()  # registers XLA's kernels
    for name in check.NEWER:
        found = kernels.get_registered_kernels_for_op(name).kernel
        devices = {kernel.device_type for kernel in found}
        assert {"XLA_CPU_JIT", "XLA_GPU_JIT"} <= devices, name
