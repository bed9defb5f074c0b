"""Would a TPU take the training steps? They are compiled by XLA on the CPU, with the shapes of real batches.

    .venv/bin/python scripts/check_tpu.py [TASK:PRESET ...] [--set KEY=VALUE ...] [--layers 2]

By default all presets of all tasks, with two layers and two examples. Of each, what a replica computes in a step
(forward, backward, update, average and metrics) is made into one program, as on a TPU. That fails if an operation can't
be compiled. Then its operations are held against those that TPUs have, and its shapes must be fixed. Prints one line
for each; the exit code is 1 if one would not work.

What this can't show: that the program fits a TPU's memory, how fast it is, and the sums over replicas.
"""

from __future__ import annotations

import argparse
import collections
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

# Of Google's list of the graph operators of Cloud TPUs (cloud.google.com/tpu/docs/tensorflow-ops), those that the
# steps use.
_LISTED = """
    Abs AddN All Any ArgMax AssignAddVariableOp AssignSubVariableOp AssignVariableOp AvgPool AvgPoolGrad BiasAdd
    BiasAddGrad BroadcastGradientArgs BroadcastTo Cast ConcatOffset ConcatV2 Const Conv2D Conv2DBackpropFilter
    Conv2DBackpropInput Cos DivNoNan Equal Erf Exp ExpandDims Fill Floor FloorDiv FloorMod FusedBatchNormGradV2
    FusedBatchNormV2 GatherNd GatherV2 Greater GreaterEqual Identity IdentityN If InvertPermutation IsFinite
    IsNan L2Loss Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max MaxPool
    MaxPoolGrad Maximum Mean Min Minimum Mul Neg NoOp NotEqual OneHot OnesLike Pack Pad Pow PreventGradient Prod
    Range Rank ReadVariableOp RealDiv Reciprocal Relu ReluGrad Reshape ResourceApplyAdam ResourceGather Round
    Rsqrt RsqrtGrad ScatterNd Select Shape ShapeN Sigmoid SigmoidGrad Sign Sin Size Slice Softmax
    SoftmaxCrossEntropyWithLogits Softplus
    SoftplusGrad SparseSoftmaxCrossEntropyWithLogits Split SplitV Sqrt SqrtGrad Square SquaredDifference Squeeze
    StatelessIf StatelessWhile StopGradient StridedSlice StridedSliceGrad Sub Sum Tanh TanhGrad
    TensorListElementShape TensorListPopBack TensorListPushBack TensorListReserve Tile Transpose Unpack
    UnsortedSegmentSum VariableShape While Xdivy Xlogy ZerosLike
"""
LISTED = frozenset(_LISTED.split())
# The list is older than these. TensorFlow 2.15 compiles each of them for all of XLA's devices with the same code.
NEWER = {
    "AddV2": "Add",
    "BatchMatMulV2": "BatchMatMul",
    "BatchMatMulV3": "BatchMatMul",
    "Einsum": "BatchMatMul and Transpose",
    "EnsureShape": "Identity",
    "FusedBatchNormGradV3": "FusedBatchNormGradV2",
    "FusedBatchNormV3": "FusedBatchNormV2",
    "InTopKV2": "TopKV2",
    "SelectV2": "Select",
    "StatelessRandomGetKeyCounter": "StatelessRandomUniform",
    "StatelessRandomGetAlg": "StatelessRandomUniform",
    "StatelessRandomUniformV2": "StatelessRandomUniform",
    "TensorListFromTensor": "TensorListReserve",
    "TensorListGetItem": "TensorArrayReadV3",
    "TensorListSetItem": "TensorArrayWriteV3",
    "TensorListStack": "TensorArrayGatherV3",
}
# Not operations: calls, and what enters and leaves a function.
STRUCTURE = frozenset(
    {"PartitionedCall", "StatefulPartitionedCall", "Placeholder", "_Arg", "_Retval"}
)
# What XLA calls a dimension whose size is known only when the program runs.
DYNAMIC = re.compile(r"\[[^\]]*<=\d+[^\]]*\]\S* ([a-z0-9-]+)\(")


def program(task: Any, config: Any) -> tuple[collections.Counter[str], str]:
    """A replica's training step: {TensorFlow's operation: how often}, and XLA's program as text.

    Args:
      task: Of the registry.
      config: Its `data.batch_size` is that of one replica.

    Raises:
      tf.errors.OpError: XLA can't compile an operation.
    """
    import tensorflow as tf

    from perceiver_keras.policy import precision
    from perceiver_keras.training.cost import one_example
    from perceiver_keras.training.step import TrainStep, build_model

    with precision(config.train.precision):
        batch = tf.nest.map_structure(
            lambda one: tf.TensorSpec([config.data.batch_size, *one.shape[1:]], one.dtype),
            one_example(task, config),
        )
        model = task.build(config)
        build_model(model, batch[0])
        step = TrainStep(task, config, model, tf.distribute.get_strategy())

        def flat(*leaves: tf.Tensor) -> None:
            step._whole_step(*tf.nest.pack_sequence_as(batch, leaves), step.freeze.at(0))

        compiled = tf.function(flat, jit_compile=True, autograph=False)
        leaves = tf.nest.flatten(batch)
        graph = compiled.get_concrete_function(*leaves).graph.as_graph_def()
        text = compiled.experimental_get_compiler_ir(*leaves)(stage="hlo")
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    calls = {f.signature.name for f in graph.library.function}
    return collections.Counter(node.op for node in nodes if node.op not in calls), text


def problems(operations: collections.Counter[str], text: str) -> Iterator[str]:
    """What a TPU would not take of a program."""
    for name in sorted(operations.keys() - LISTED - NEWER.keys() - STRUCTURE):
        yield f"{name} is not an operation that TPUs are known to have"
    for name, count in sorted(collections.Counter(DYNAMIC.findall(text)).items()):
        yield f"{count} shapes of {name} are not fixed"


def small(config: Any, layers: int, batch: int = 2) -> Any:
    """The same configuration with few layers and a small batch; widths and numbers of elements stay."""
    from perceiver_keras.config_tree import override

    few = [f"data.batch_size={batch}", f"model.process.num_self_attention_layers={layers}"]
    return override(config, *few, "model.process.num_blocks=1", "train.jit_compile=off")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("presets", nargs="*", metavar="TASK:PRESET")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--layers", type=int, default=2)
    given = parser.parse_args(arguments)

    from perceiver_keras.errors import PerceiverError
    from perceiver_keras.tasks import registry

    every = [
        f"{name}:{preset}" for name in registry.names() for preset in registry.get(name).presets
    ]
    failed = 0
    for one in given.presets or every:
        name, _, preset = one.partition(":")
        task = registry.get(name)
        config = task.configure(preset or "tiny", overrides=given.set)
        found = []
        try:
            operations, text = program(task, small(config, given.layers))
            found = list(problems(operations, text))
            told = f"{len(operations)} kinds of operations, {text.count(' = ')} of XLA's"
        except PerceiverError as error:  # no data to learn a vocabulary from
            print(f"{name}:{preset}: not tried, {str(error).splitlines()[0]}", flush=True)
            continue
        except Exception as error:  # another preset may work
            found = [f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"]
        failed += bool(found)
        print(
            f"{name}:{preset}: {'; '.join(found) if found else 'would work: ' + told}", flush=True
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
