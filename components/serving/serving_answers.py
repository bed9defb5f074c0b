"""How a SavedModel's answers compare with those that training gave: part of what runs in a fresh process.

Like `serving_check`, which loads it by its path, it imports nothing of ours. A request is a PredictLog: the inputs of a
signature, and the outputs that are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

# Where training and serving can part, in the order of the path.
STAGES = RAW, RECORD, ANSWER = (
    "raw input → model input",
    "record → model input",
    "model → answer",
)
FIRST_STAGE = {"serving_default": RAW, "serving_examples": RECORD, "evaluate": RECORD}
# In this order a difference says most: from the shortest path to the longest.
ORDER = ("serving_tensors", "serving_examples", "serving_default", "evaluate")
MODEL_INPUT = "model_input_"  # before the names of the model's inputs, as the export writes them
NEARLY_TIED = 0.01  # the largest share of names that rounding may change


def answer(signature: Any, log: Any) -> dict[str, Any]:
    """What a signature returns for a recorded request, as NumPy."""
    import tensorflow as tf

    inputs = {key: tf.constant(value) for key, value in arrays(log.request.inputs).items()}
    return {key: value.numpy() for key, value in signature(**inputs).items()}


def arrays(tensors: Any) -> dict[str, Any]:
    import tensorflow as tf

    return {key: tf.make_ndarray(value) for key, value in tensors.items()}


def compare(got: Any, wanted: Any, tolerance: float) -> str | None:
    """What differs, or None. A float may differ by `tolerance` times the sum of its size and the largest one's."""
    import numpy as np

    if got.shape != wanted.shape:
        return f"has the shape {got.shape}, the trainer's had {wanted.shape}"
    if got.dtype != wanted.dtype:
        return f"is {got.dtype}, the trainer's was {wanted.dtype}"
    if wanted.dtype.kind != "f":
        if np.array_equal(got, wanted):
            return None
        unlike = got != wanted
        return (
            f"is {got[unlike][:3].tolist()} where the trainer's was {wanted[unlike][:3].tolist()} "
            f"({int(unlike.sum()):,} of {unlike.size:,} differ)"
        )
    finite = np.abs(wanted[np.isfinite(wanted)])
    slack = tolerance * finite.max() if finite.size else 0.0
    if np.allclose(got, wanted, rtol=tolerance, atol=slack, equal_nan=True):
        return None
    worst = np.nanmax(np.abs(got.astype(np.float64) - wanted)) if finite.size else np.nan
    return f"differs by {worst:.3g} from the trainer's answer (largest value {finite.max(initial=0):.3g})"


def not_finite(log: Any, outputs: dict[str, Any]) -> str | None:
    """Which output has numbers that are not finite although those of the request are, or None."""
    import numpy as np

    def bad(values: Any) -> int:
        return int((~np.isfinite(values)).sum()) if values.dtype.kind == "f" else 0

    if any(bad(value) for value in arrays(log.request.inputs).values()):
        return None
    for key, value in outputs.items():
        if count := bad(value):
            return f"{key} has {count:,} of {value.size:,} numbers that are not finite"
    return None


def compared(signatures: dict[str, Any], logs: Iterable[Any], tolerance: float) -> dict[str, Any]:
    """Whether serving answers as training did: sends the requests that `serving_skew` wrote.

    Returns:
      {"examples": how many, "compared": the signatures, "largest_difference": relative, as `tolerance`, "stage": one of
      `STAGES`, or None, "output": the first one that differs, or None, "text": what differs, or None}.
    """
    examples, tried, largest = 0, set(), 0.0
    found: dict[str, Difference] = {}
    readers: dict[tuple[str, ...], Callable[..., Any]] = {}
    for log in logs:
        name = log.request.model_spec.signature_name
        if name == "serving_tensors":
            if found:
                break  # in the first requests that show it
            examples += next(iter(log.response.outputs.values())).tensor_shape.dim[0].size
        tried.add(name)
        difference, size = _difference(signatures[name], log, tolerance, readers)
        largest = max(largest, size)
        if difference:
            found.setdefault(name, difference)
    # A different input of the model comes first, whatever the model makes of it.
    first = min(
        (found[name] for name in ORDER if name in found),
        key=lambda difference: not difference.is_input,
        default=Difference(None, None, None),
    )
    stage, output, text = first.stage, first.name, first.text
    return {
        "examples": examples,
        "compared": sorted(tried),
        "largest_difference": largest,
        "stage": stage,
        "output": output,
        "text": text,
    }


class Difference(NamedTuple):
    """Which output of a signature, or which input of the model, is not what training had."""

    name: str | None
    text: str | None
    stage: str | None
    is_input: bool = False


def _difference(
    signature: Any, log: Any, tolerance: float, readers: dict[tuple[str, ...], Callable[..., Any]]
) -> tuple[Difference | None, float]:
    """The first difference, and the largest relative one.

    `readers` keeps what `inputs_reader` made: TensorFlow takes longer to make and optimize it than to call it.
    """
    name, everything = log.request.model_spec.signature_name, arrays(log.response.outputs)
    inputs = {k: v for k, v in everything.items() if k.startswith(MODEL_INPUT)}
    wanted = {k: v for k, v in everything.items() if k not in inputs}
    stage, largest = FIRST_STAGE.get(name, ANSWER), 0.0
    if text := not_finite(log, wanted):
        return Difference("", f"the trained model's {text}", ANSWER), largest
    try:
        got = answer(signature, log)
    except Exception as error:
        return Difference("", f"{name} fails on a stored example: {first_line(error)}", stage), 0.0
    try:
        key = (name, *sorted(inputs))
        if key not in readers:
            readers[key] = inputs_reader(signature, key[1:])
        made = readers[key](log)
    except (
        Exception
    ):  # functions of TensorFlow that it does not document; without them less can be said
        made = {}
    for key, value in sorted(made.items()):
        largest = max(largest, relative(value, inputs[key]))
        if text := compare(value, inputs[key], tolerance):
            key, guess = key.removeprefix(MODEL_INPUT), likeness(value, inputs[key])
            text = f"the model's input {key!r} in {name} {text}{guess}"
            return Difference(key, text, stage, is_input=True), largest
    if missing := sorted(set(wanted) - set(got)):
        text = f"{name} lacks the output {', '.join(missing)}"
        return Difference(missing[0], text, ANSWER), largest
    got = {key: got[key] for key in wanted}
    for key, value in got.items():
        largest = max(largest, relative(value, wanted[key]))
        text = compare(value, wanted[key], tolerance)
        if text and not nearly_tied(key, got, wanted, tolerance):
            # If the model's inputs were seen to be right, they are not the reason.
            return Difference(key, f"{name}'s {key} {text}", ANSWER if made else stage), largest
    return None, largest


def inputs_reader(signature: Any, names: Sequence[str]) -> Callable[[Any], dict[str, Any]]:
    """Of a request: the tensors of these names in a signature's graph; {} if the graph does not have them.

    The export names the model's inputs where they are computed, unless it is in a loop over examples.
    """
    import tensorflow as tf
    from tensorflow.python.eager import wrap_function
    from tensorflow.python.framework import function_def_to_graph

    outer = signature.graph
    calls = [op for op in outer.get_operations() if op.type.endswith("PartitionedCall")]
    if len(calls) != 1 or not names:
        return lambda log: {}
    body = outer._get_function(calls[0].get_attr("f").name)
    graph = function_def_to_graph.function_def_to_graph(body.cached_definition)
    nodes = {op.name for op in graph.get_operations()}
    if not all(name in nodes and f"{name}_1" not in nodes for name in names):
        return lambda log: {}
    fetches = [graph.get_operation_by_name(name).outputs[0] for name in names]
    function = wrap_function.WrappedFunction(
        graph, wrap_function.VariableHolder(share_variables=True)
    ).prune(list(graph.inputs), fetches)
    own = outer.inputs[: len(outer.inputs) - len(signature.captured_inputs)]

    def read(log: Any) -> dict[str, Any]:
        given = {key: tf.constant(value) for key, value in arrays(log.request.inputs).items()}
        values = [*(given[tensor.op.name] for tensor in own), *signature.captured_inputs]
        place = {id(tensor): value for tensor, value in zip(outer.inputs, values, strict=True)}
        results = function(*(place[id(tensor)] for tensor in calls[0].inputs))
        return dict(zip(names, (result.numpy() for result in results), strict=True))

    return read


def likeness(got: Any, wanted: Any) -> str:
    """What a model's input looks like compared with what it should be, if it is one of the usual mistakes; else ""."""
    import numpy as np

    if got.dtype.kind != "f" or got.shape != wanted.shape or wanted.ndim < 2:
        return ""

    def same(other: Any) -> bool:
        return np.allclose(got, other, rtol=1e-3, atol=1e-3 * np.abs(wanted).max(initial=0))

    if wanted.ndim >= 4:
        if 1 < wanted.shape[-1] <= 4 and same(wanted[..., ::-1]):
            return ", as if its channels were in reverse order"
        for axis, how in ((-2, "left and right"), (-3, "top and bottom")):
            if same(np.flip(wanted, axis)):
                return f", as if {how} were swapped"
    channels = wanted.shape[-1] if wanted.ndim >= 4 and wanted.shape[-1] <= 4 else 1
    x, y = (value.reshape(-1, channels).astype(np.float64) for value in (wanted, got))
    spread = (x - x.mean(0)).std(0)
    if not (spread > 0).all():
        return ""
    scale = ((x - x.mean(0)) * (y - y.mean(0))).mean(0) / spread**2
    offset = y.mean(0) - scale * x.mean(0)
    if np.abs(scale * x + offset - y).max() > 1e-3 * np.abs(y).max():
        return ""
    if np.abs(scale * spread).min() <= 1e-3 * spread.max():
        return ""  # hardly anything is left of it
    plus = offset[0] if abs(offset[0]) > 1e-3 * np.abs(y).max() else 0.0
    return f", as if it were {scale[0]:.3g} times as large plus {plus:.3g}: another normalisation"


def relative(got: Any, wanted: Any) -> float:
    """The tolerance that `compare` would need; 0 for what are not floats, or have other shapes."""
    import numpy as np

    if wanted.dtype.kind != "f" or got.shape != wanted.shape or not wanted.size:
        return 0.0
    size = np.abs(wanted.astype(np.float64))
    slack = size + size.max()
    return float((np.abs(got - wanted.astype(np.float64)) / np.where(slack, slack, 1.0)).max())


def nearly_tied(key: str, got: dict[str, Any], wanted: dict[str, Any], tolerance: float) -> bool:
    """Whether names or numbers of classes differ only where rounding decides.

    That is where the two largest values of an output, or two neighbours of a sorted one, are almost the same; or where
    a name's own score is less than a half. Rounding decides few: a larger share of names differs for another reason.
    """
    import numpy as np

    if wanted[key].dtype.kind == "f" or got[key].shape != wanted[key].shape:
        return False
    unlike = got[key] != wanted[key]
    if unlike.mean() > max(NEARLY_TIED, 1 / unlike.size):
        return False
    floats = {k: v for k, v in wanted.items() if v.dtype.kind == "f"}
    for row in np.unique(np.nonzero(unlike)[0]):
        tied = False
        for value in (value[row] for value in floats.values()):
            slack = 4 * tolerance * np.abs(value).max(initial=0)
            wide = bool(value.ndim and value.shape[-1] > 1)
            gaps = -np.diff(np.sort(value, axis=-1)[..., ::-1]) if wide else None
            if wide and (np.diff(value) <= 0).all():
                tied |= bool((gaps <= slack).any())
            elif value.shape == unlike[row].shape:
                tied |= bool((value[unlike[row]] <= 0.5 + slack).all())
            elif wide:
                tied |= bool((gaps[..., 0] <= slack).any())
        if not tied:
            return False
    return True


def first_line(error: BaseException) -> str:
    text = str(getattr(error, "message", None) or error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
