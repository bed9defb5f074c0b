"""A graph that `lower.py` wrote, as a function of JAX. JAX has no public way in for HLO; the parts used are those of
its own `call_tf` and `jax.export`, as of jax 0.11.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import export, tree_util
from jax._src.interpreters.mlir import make_ir_context
from jax._src.lib.mlir import ir
from jax._src.lib.mlir.dialects import hlo
from jaxlib import _jax

_DTYPES = {"i1": "bool", "ui8": "uint8", "ui32": "uint32", "ui64": "uint64"}


@dataclass(frozen=True)
class Graph:
    """What `load` returns.

    Attributes:
      call: Takes the arguments in the file's order, returns a list of arrays.
      arguments: The entries of `lower.py`.
      flops: As counted in our graph, of the whole batch.
      updated: {output: argument} for the variables that the graph changes.
    """

    call: Callable[..., Any]
    arguments: list[dict[str, Any]]
    flops: int
    updated: dict[int, int]


def load(folder: Path, name: str, exact: bool = False) -> Graph:
    """`exact`: float32 products in full precision, where a GPU would take TF32."""
    about = json.loads((folder / f"{name}.json").read_text())
    packed = (folder / f"{name}.hlo.gz").read_bytes()
    exported, updated = _exported(gzip.decompress(packed), name, exact)
    given = [(list(aval.shape), str(aval.dtype)) for aval in exported.in_avals]
    said = [(entry["shape"], entry["dtype"]) for entry in about["arguments"]]
    if given != said:
        raise ValueError(f"{name}: the parameters {given} are not the arguments {said}.")
    return Graph(exported.call, about["arguments"], about["flops"], updated)


def _exported(module: bytes, name: str, exact: bool) -> tuple[export.Exported, dict[int, int]]:
    with make_ir_context():
        module = ir.Module.parse(_jax.mlir.hlo_to_stablehlo(module))
        attributes = module.operation.attributes
        updated = {}
        if "mhlo.input_output_alias" in attributes:
            for one in ir.ArrayAttr(attributes["mhlo.input_output_alias"]):
                output = list(ir.DenseI64ArrayAttr(ir.DictAttr(one)["output_index"]))
                alias = ir.DictAttr(ir.DictAttr(one)["alias"])
                number = ir.IntegerAttr(alias["parameter_number"]).value
                updated[output[0] if output else 0] = number
        for attribute in [a for a in attributes if str(a).startswith("mhlo.")] or []:
            del attributes[str(attribute)]
        _drop_copies(module.operation)
        if exact:
            _full_precision(module.operation)
        (main,) = [
            op for op in module.body if ir.StringAttr(op.attributes["sym_name"]).value == "main"
        ]
        kind = ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value)
        inputs, outputs = (tuple(map(_aval, types)) for types in (kind.inputs, kind.results))
        target = hlo.get_version_from_compatibility_requirement(
            hlo.StablehloCompatibilityRequirement.WEEK_4
        )
        serialized = _jax.mlir.serialize_portable_artifact(module, target)
    nothing_said = (None,) * len(inputs), (None,) * len(outputs)
    return export.Exported(
        fun_name=name.replace("-", "_"),
        in_tree=tree_util.tree_structure((inputs, {})),
        in_avals=inputs,
        out_tree=tree_util.tree_structure(list(outputs)),
        out_avals=outputs,
        _in_named_shardings=nothing_said[0],
        _out_named_shardings=nothing_said[1],
        in_shardings_hlo=nothing_said[0],
        out_shardings_hlo=nothing_said[1],
        nr_devices=1,
        platforms=(jax.default_backend() if jax.default_backend() != "gpu" else "cuda",),
        ordered_effects=(),
        unordered_effects=(),
        disabled_safety_checks=(),
        mlir_module_serialized=serialized,
        calling_convention_version=export.maximum_supported_calling_convention_version,
        module_kept_var_idx=tuple(range(len(inputs))),
        uses_global_constants=False,
        _get_vjp=None,
    ), updated


def _drop_copies(operation: Any) -> None:
    """StableHLO has no copy: XLA itself decides where the outputs of a graph need one."""
    found = []

    def visit(op: Any) -> Any:
        if op.name == "mhlo.copy":
            found.append(op)
        return ir.WalkResult.ADVANCE

    operation.walk(visit)
    for op in found:
        op.results[0].replace_all_uses_with(op.operands[0])
        op.erase()


def _full_precision(operation: Any) -> None:
    highest = ir.ArrayAttr.get([ir.Attribute.parse("#stablehlo<precision HIGHEST>")] * 2)

    def visit(op: Any) -> Any:
        if op.name in ("stablehlo.dot", "stablehlo.dot_general", "stablehlo.convolution"):
            op.attributes["precision_config"] = highest
        return ir.WalkResult.ADVANCE

    operation.walk(visit)


def _aval(kind: Any) -> jax.core.ShapedArray:
    tensor = ir.RankedTensorType(kind)
    name = str(tensor.element_type)
    if name not in _DTYPES:
        name = {"f": "float", "bf": "bfloat", "i": "int"}[name.rstrip("0123456789")] + name.lstrip(
            "bfi"
        )
    return jax.core.ShapedArray(tuple(tensor.shape), jnp.dtype(_DTYPES.get(name, name)))
