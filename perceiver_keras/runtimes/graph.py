"""The tensor signature as converters can take it: plain operations, no loops of known length, numbers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow import keras
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from perceiver_keras.config import TaskConfig
from perceiver_keras.layers.xla import for_converters
from perceiver_keras.signatures import names_of
from perceiver_keras.tasks.task import Task

OWN = "model_output"  # what the model itself returns, if the signature does not return it as it is
_PASSED_ON = ("Identity", "IdentityN", "EnsureShape", "Reshape", "SelectV2")


@dataclass(frozen=True)
class Signature:
    """`serving_tensors` without its texts, and with the model's own outputs, from which metrics are computed.

    Attributes:
      function: Inputs by name to outputs by name, for any batch size.
      inputs: {name: spec}, in the order of the model's inputs.
      own: The model's outputs, as the structure that it returns, with the name of an output in each place.
      left_out: {output of `serving_tensors`: which operation makes it, and why it is not here}.
    """

    function: Any
    inputs: Mapping[str, tf.TensorSpec]
    own: Any
    left_out: Mapping[str, str]

    @property
    def outputs(self) -> list[str]:
        """Their names, in the order in which the graph has them."""
        return sorted(self.function.structured_outputs)

    def shape(self, name: str) -> tuple[int | None, ...]:
        """Of an output; None for any size."""
        return tuple(self.function.structured_outputs[name].shape.as_list())


def trace(
    task: Task,
    config: TaskConfig,
    model: keras.Model,
    labels: Sequence[str] | None,
    *,
    plain: bool,
) -> Signature:
    """The signature of a built model.

    Args:
      task, config, model, labels: As `export_saved_model` takes them.
      plain: For converters; otherwise with the operations that a SavedModel has.
    """
    structure = tf.nest.map_structure(
        lambda one: tf.TensorSpec([None, *one.shape[1:]], one.dtype), model.symbolic_inputs()
    )
    flat = zip(names_of(structure), tf.nest.flatten(structure), strict=True)
    specs = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in flat}
    found: dict[str, Any] = {}

    def signature(**named: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = tf.nest.pack_sequence_as(structure, [named[name] for name in specs])
        outputs = model(inputs, training=False)
        answers, found["left_out"] = _numbers(task.serving.respond(inputs, outputs, config, labels))
        # In ONNX, what goes in and what comes out have names of one kind.
        answers = {f"{n}_output" if n in specs else n: value for n, value in answers.items()}
        names = {id(value): name for name, value in answers.items()}
        own = list(zip(names_of(outputs, OWN), tf.nest.flatten(outputs), strict=True))
        places = [names.get(id(value), name) for name, value in own]
        found["own"] = tf.nest.pack_sequence_as(outputs, places)
        return answers | {
            place: value
            for place, (_, value) in zip(places, own, strict=True)
            if place not in answers
        }

    traced = tf.function(signature, autograph=False)
    if plain:
        with for_converters():
            function = traced.get_concrete_function(**specs)
    else:
        function = traced.get_concrete_function(**specs)
    return Signature(function, specs, found["own"], found["left_out"])


def _numbers(answers: Mapping[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], dict[str, str]]:
    """(outputs that are numbers of a known size per example, why each of the others is none of them)."""
    kept, left_out = {}, {}
    for name, value in answers.items():
        if value.dtype == tf.string:
            left_out[name] = f"{_maker(value)} makes texts, and this runtime's graphs hold numbers"
        elif value.shape.rank is None or None in value.shape[1:]:
            left_out[name] = (
                f"{_maker(value)} makes an array whose size depends on the values of the inputs"
            )
        else:
            kept[name] = tf.identity(value) if not value.op.inputs else value
    return kept, left_out


def _maker(tensor: tf.Tensor) -> str:
    operation = tensor.op
    while operation.type in _PASSED_ON and operation.inputs:
        operation = operation.inputs[operation.type == "SelectV2"].op  # of a choice, what is chosen
    return operation.type


@dataclass(frozen=True)
class Frozen:
    """A graph with its weights in it.

    Attributes:
      graph: A GraphDef.
      inputs, outputs: {name in the signature: name of the tensor}.
    """

    graph: Any
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def frozen(signature: Signature) -> Frozen:
    """The graph of a signature with constants for its weights, and without assertions, which runtimes do not have."""
    constant = convert_variables_to_constants_v2(signature.function, lower_control_flow=False)
    graph = constant.graph.as_graph_def()
    inputs = {tensor.name.split(":")[0]: tensor.name for tensor in constant.inputs}
    outputs = dict(
        zip(signature.outputs, (tensor.name for tensor in constant.outputs), strict=True)
    )
    for node in graph.node:
        # What only had to come first, such as a check: nothing here has an effect that another part could see.
        needed = [name for name in node.input if not name.startswith("^")]
        del node.input[:]
        node.input.extend(needed)
    ends = {name.split(":")[0] for name in (*inputs.values(), *outputs.values())}
    _keep_only(graph, ends)
    return Frozen(graph, inputs, outputs)


def _keep_only(graph: Any, ends: set[str]) -> None:
    """Takes out the nodes and functions from which none of `ends` is computed."""
    nodes = {node.name: node for node in graph.node}
    functions = {function.signature.name: function for function in graph.library.function}
    needed, called = set(), set()

    def call(node: Any) -> None:
        for attribute in node.attr.values():
            for one in (attribute.func, *attribute.list.func):
                if one.name in functions and one.name not in called:
                    called.add(one.name)
                    for inner in functions[one.name].node_def:
                        call(inner)

    waiting = list(ends)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            call(nodes[name])
            waiting += [source.split(":")[0] for source in nodes[name].input]
    kept = [nodes[name] for name in nodes if name in needed]
    del graph.node[:]
    graph.node.extend(kept)
    used = [functions[name] for name in functions if name in called]
    del graph.library.function[:]
    graph.library.function.extend(used)


def operations(graph: Any) -> set[str]:
    """The names of all operations of a GraphDef, those of its functions included."""
    groups = [graph.node, *(function.node_def for function in graph.library.function)]
    return {node.op for nodes in groups for node in nodes}
