"""What a graph would need if it ran: bytes at its peak, and multiplications. The graph is read, never executed.

The ops are gone through in the order in which they were made, and then in the order in which they become ready: each
allocates its outputs, and a buffer is freed after its last use. Known to be kept apart from that: ops that
return their input (a reshape), ops that write into an input nobody else needs (an addition), loops (the body's peak,
and what each pass puts on a list for the backward pass), and branches (the larger one).
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

# Their output is their (first) input's buffer.
_SAME = {
    *("Identity", "IdentityN", "Reshape", "ExpandDims", "Squeeze", "EnsureShape", "StopGradient"),
    *("PreventGradient", "Snapshot"),
}
# They exist before the step and after it, or are a few bytes.
_NO_BUFFER = {
    *("Const", "Placeholder", "ReadVariableOp", "VarHandleOp", "VariableV2", "NoOp", "Assert"),
    *("TensorListReserve", "EmptyTensorList", "AssignVariableOp", "AssignAddVariableOp"),
    *("AssignSubVariableOp", "Shape", "ShapeN", "Size", "Rank"),
}
# They write into an input of the output's size if this was its last use (Eigen's and oneDNN's element-wise kernels).
_IN_PLACE = {
    *("Add", "AddV2", "AddN", "BiasAdd", "Sub", "Mul", "RealDiv", "DivNoNan", "Maximum", "Minimum"),
    *("SquaredDifference", "Pow", "Abs", "Neg", "Square", "Sqrt", "Rsqrt", "Exp", "Log", "Tanh"),
    *("Erf", "Sigmoid", "Sin", "Cos", "Relu", "Softmax", "LogSoftmax", "TanhGrad", "RsqrtGrad"),
    *("SqrtGrad", "ReluGrad", "SigmoidGrad", "SelectV2", "MulNoNan"),
}
_LISTS_TAKE = {"TensorListPushBack", "TensorListSetItem"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
_WHILES = {"While", "StatelessWhile"}
_IFS = {"If", "StatelessIf"}
_CONVOLUTIONS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter")
# These transpose copies of their operands.
_COPY_OPERANDS = ("Einsum",)


@dataclass(frozen=True)
class Usage:
    """Of a graph that runs once.

    Attributes:
      peak: Bytes of the buffers alive at the worst moment; variables, constants and what is fed are not among them.
      flops: Of matrix products and convolutions, a multiplication and an addition counted as two (paper, App. D).
    """

    peak: int
    flops: int


def usage(fetches: Sequence[tf.Tensor | tf.Operation]) -> Usage:
    """What computing `fetches` takes, all of which are kept to the end.

    Args:
      fetches: Tensors or operations of one graph.
    """
    wanted = [item.op if isinstance(item, tf.Tensor) else item for item in fetches]
    return _worse(wanted, {}, [item for item in fetches if isinstance(item, tf.Tensor)])


def graph_usage(graph: Any) -> Usage:
    """What one call of a concrete function's graph takes; its arguments are the caller's."""
    wanted = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    return _worse(wanted, {argument.ref(): (0, 0) for argument in graph.inputs}, graph.outputs)


def _worse(wanted: Any, arguments: Any, kept: Sequence[tf.Tensor]) -> Usage:
    """TensorFlow runs what is ready on several threads, so the order lies between the two that are tried here."""
    bodies: _Bodies = {}
    runs = [_Run(wanted, arguments, eager, bodies).go(kept) for eager in (False, True)]
    return Usage(max(run.peak for run in runs), runs[0].flops)


_FOREVER = 1 << 40


class _Buffer:
    """Memory that one or several tensors refer to: its own bytes, and for a list those of its items."""

    __slots__ = ("size", "uses", "items")

    def __init__(self, size: int, uses: int = 0, items: int = 0):
        self.size, self.uses, self.items = size, uses, items


# (a function's graph, (bytes, bytes of a list's items) of its arguments) -> the run of its body.
_Bodies = dict[tuple[Any, tuple[tuple[int, int], ...]], "_Run"]


class _Run:
    """One pass through the ops of a graph or of a function's body.

    Args:
      wanted: The operations to run, with all that they depend on.
      arguments: {a function's argument: (bytes, bytes of a list's items)}; they belong to the caller.
      eager: See `_needed`; bodies of functions are never.
      bodies: Is read and filled: most of the work is in bodies, and each is met several times.
    """

    def __init__(
        self,
        wanted: Iterable[tf.Operation],
        arguments: dict[Any, tuple[int, int]],
        eager: bool,
        bodies: _Bodies,
    ):
        self.peak = self.flops = self._alive = 0
        self._bodies = bodies
        self._ops = _needed(wanted, eager)
        self._left = Counter(tensor.ref() for op in self._ops for tensor in op.inputs)
        self.buffers = {
            ref: _Buffer(size, _FOREVER, items) for ref, (size, items) in arguments.items()
        }

    def go(self, kept: Sequence[tf.Tensor]) -> _Run:
        self._left.update(tensor.ref() for tensor in kept)
        for op in self._ops:
            if op.outputs and op.outputs[0].ref() in self.buffers:
                continue  # an argument
            working = self._run(op)
            self.flops += _flops(op)
            self.peak = max(self.peak, self._alive + working)
            for tensor in op.inputs:
                self._release(tensor)
            for tensor in op.outputs:
                if not self._left[tensor.ref()]:
                    self._free(self.buffers[tensor.ref()])
        return self

    def _run(self, op: tf.Operation) -> int:
        """Makes the outputs of `op`; returns the bytes that it needs only while it runs."""
        if op.type in _WHILES:
            return self._loop(op)
        if op.type in _CALLS or op.type in _IFS:
            return self._call(op)
        inputs = [self.buffers[tensor.ref()] for tensor in op.inputs]
        if op.type in _LISTS_TAKE:
            # The list keeps the item for as long as it lives.
            inputs[-1].uses += _FOREVER
            self._hold(op.outputs[0], _Buffer(0, items=inputs[0].items + inputs[-1].size))
        elif op.type in ("TensorListPopBack", "TensorListGetItem"):
            for output in op.outputs:
                self._hold(output, inputs[0] if output.dtype == tf.variant else _Buffer(0))
        elif op.type in _NO_BUFFER:
            for output in op.outputs:
                self._hold(output, _Buffer(0))
        elif op.type in _SAME:
            for index, output in enumerate(op.outputs):
                self._hold(output, inputs[index])
        else:
            for output in op.outputs:
                size = _bytes(output)
                size = _guess(op, inputs) if size is None else size
                self._hold(output, self._reused(op, inputs, size) or self._new(size))
        return sum(buffer.size for buffer in inputs) if op.type in _COPY_OPERANDS else 0

    def _loop(self, op: tf.Operation) -> int:
        trips, graph = _trips(op), _function(op, "body")
        before = [self.buffers[value.ref()] for value in op.inputs]
        given = [
            (buffer.size or _bytes(value) or 0, buffer.items)
            for value, buffer in zip(op.inputs, before, strict=True)
        ]
        body = self._body(graph, given)
        self.flops += trips * body.flops
        working = body.peak
        for index, output in enumerate(op.outputs):
            after = body.buffers[graph.outputs[index].ref()]
            same = after is body.buffers[graph.inputs[index].ref()]
            added = after.items - before[index].items
            if same:
                self._hold(output, before[index])
            elif output.dtype == tf.variant:
                made = self._new(trips * max(added, 0))
                made.items = before[index].items + made.size
                self._hold(output, made)
                working -= added
            else:
                # The value of this pass, while that of the last one is still in use.
                self._hold(output, self._new(after.size))
        return max(working, 0)

    def _call(self, op: tf.Operation) -> int:
        if op.type in _CALLS:
            graphs, inputs = [_function(op, "f")], op.inputs
        else:
            graphs = [_function(op, name) for name in ("then_branch", "else_branch")]
            inputs = op.inputs[1:]
        given = [self.buffers[value.ref()] for value in inputs]
        sizes = [(buffer.size, buffer.items) for buffer in given]
        runs = [self._body(graph, sizes, graph.control_outputs) for graph in graphs]
        self.flops += max(run.flops for run in runs)
        made = 0
        for index, output in enumerate(op.outputs):
            ends = [
                run.buffers[g.outputs[index].ref()] for run, g in zip(runs, graphs, strict=True)
            ]
            if len(ends) == 1 and ends[0].uses >= _FOREVER // 2 and ends[0].items == 0:
                # An argument, handed through.
                names = [argument.ref() for argument in graphs[0].inputs]
                refs = [ref for ref in names if runs[0].buffers[ref] is ends[0]]
                if refs:
                    self._hold(output, given[names.index(refs[0])])
                    continue
            buffer = self._new(max(end.size for end in ends))
            buffer.items = max(end.items for end in ends)
            made += buffer.size
            self._hold(output, buffer)
        return max(max(run.peak for run in runs) - made, 0)

    def _body(
        self, graph: Any, given: list[tuple[int, int]], control: Sequence[tf.Operation] = ()
    ) -> _Run:
        key = (graph, tuple(given))
        if key not in self._bodies:
            arguments = {a.ref(): sizes for a, sizes in zip(graph.inputs, given, strict=True)}
            wanted = [tensor.op for tensor in graph.outputs] + list(control)
            self._bodies[key] = _Run(wanted, arguments, False, self._bodies).go(graph.outputs)
        return self._bodies[key]

    def _reused(self, op: tf.Operation, inputs: list[_Buffer], size: int) -> _Buffer | None:
        """The input that an element-wise op may write into, because nothing else reads it."""
        if op.type in _IN_PLACE:
            for buffer in inputs:
                if buffer.size == size > 0 and buffer.uses == 1:
                    return buffer
        return None

    def _new(self, size: int) -> _Buffer:
        self._alive += size
        return _Buffer(size)

    def _hold(self, tensor: tf.Tensor, buffer: _Buffer) -> None:
        buffer.uses += self._left[tensor.ref()]
        self.buffers[tensor.ref()] = buffer

    def _release(self, tensor: tf.Tensor) -> None:
        buffer = self.buffers[tensor.ref()]
        buffer.uses -= 1
        self._free(buffer)

    def _free(self, buffer: _Buffer) -> None:
        if buffer.uses == 0:
            self._alive -= buffer.size
            buffer.uses = -_FOREVER  # never again


def _guess(op: tf.Operation, inputs: list[_Buffer]) -> int:
    """Of an output whose shape is unknown: about what went in."""
    sizes = [buffer.size + buffer.items for buffer in inputs]
    return sum(sizes) if op.type in ("ConcatV2", "Pack") else max(sizes, default=0)


def _needed(wanted: Iterable[tf.Operation], eager: bool = False) -> list[tf.Operation]:
    """All ops that the wanted ones depend on, each after its inputs, else in the order in which they were made.

    A gradient adds lists to a loop made earlier, so the order of making alone would not do. With `eager`, each runs as
    early as it can.
    """
    todo, before, after = list(wanted), {}, {}
    place = (
        {op.name: index for index, op in enumerate(todo[0].graph.get_operations())} if todo else {}
    )
    ops = {}
    while todo:
        op = todo.pop()
        if op.name in ops:
            continue
        ops[op.name] = op
        needs = {tensor.op.name: tensor.op for tensor in op.inputs}
        needs |= {other.name: other for other in op.control_inputs}
        before[op.name] = len(needs)
        for name in needs:
            after.setdefault(name, []).append(op.name)
        todo += needs.values()
    ready = [(place[name], name) for name, count in before.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        _, name = heapq.heappop(ready)
        order.append(ops[name])
        for other in after.get(name, ()):
            before[other] -= 1
            if not before[other]:
                # Depth first by the order of making, or breadth first by when it became ready.
                turn = len(order) + len(place) if eager else place[other]
                heapq.heappush(ready, (turn, other))
    return order


def _bytes(tensor: tf.Tensor) -> int | None:
    """None if the shape is unknown; 0 for handles and strings."""
    if tensor.dtype in (tf.variant, tf.resource, tf.string):
        return 0
    count = tensor.shape.num_elements()
    return None if count is None else count * tensor.dtype.size


def _function(op: tf.Operation, attribute: str) -> Any:
    return op.graph._get_function(op.get_attr(attribute).name).graph


def _trips(op: tf.Operation) -> int:
    """How often a loop's body runs: TensorFlow passes the loop's `maximum_iterations` as its second variable."""
    most = tf.get_static_value(op.inputs[1])
    return max(int(most), 1) if most is not None and most.ndim == 0 else 1


def _flops(op: tf.Operation) -> int:
    """Of matrix products and convolutions; 0 for all others."""
    if op.type not in ("MatMul", "BatchMatMulV2", "BatchMatMul", "Einsum", *_CONVOLUTIONS):
        return 0
    if op.type == "Einsum":
        letters = op.get_attr("equation").decode().split("->")[0].split(",")
        sizes = {}
        for names, tensor in zip(letters, op.inputs, strict=True):
            sizes |= {n: s for n, s in zip(names, tensor.shape, strict=True) if s is not None}
        return 2 * math.prod(sizes.values())
    if op.type in _CONVOLUTIONS:
        image, kernel = _convolution(op)
        return 2 * _count(image) * math.prod(kernel[:-1])
    flag = {"MatMul": "transpose_a"}.get(op.type, "adj_x")
    inner = op.inputs[0].shape[-2 if op.get_attr(flag) else -1] or 1
    return 2 * _count(op.outputs[0].shape) * inner


def _convolution(op: tf.Operation) -> tuple[tf.TensorShape, list[int]]:
    """(the shape of the larger side's result, the kernel's shape) of a convolution or one of its gradients."""
    if op.type == "Conv2D":
        return op.outputs[0].shape, op.inputs[1].shape.as_list()
    if op.type == "Conv2DBackpropInput":
        return op.inputs[2].shape, op.inputs[1].shape.as_list()
    return op.inputs[2].shape, op.outputs[0].shape.as_list()


def _count(shape: tf.TensorShape) -> int:
    return math.prod(size or 1 for size in shape)
