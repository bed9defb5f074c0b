"""Time and peak memory of a forward pass over sizes, in a process of its own so that the peak is its own.

`measured` starts it: `python -m perceiver_keras.miniature.sizes JSON`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from perceiver_keras.errors import PerceiverError

# Of a Perceiver IO, what grows; of a Transformer, both grow together.
KINDS = ("inputs", "outputs", "transformer")
WIDTH = 64  # channels of inputs, latents, queries and outputs
LATENTS = 64
FEW = 64  # of the side that does not grow: inputs where outputs do, and the other way round


def measured(
    kind: str, sizes: Sequence[int], layers: int, deep: int, seconds: float
) -> dict[str, list[dict[str, Any]]]:
    """One row per size, in ascending order, and one of the largest size with more layers.

    Args:
      kind: One of `KINDS`.
      sizes: Ascending.
      layers: Of self-attention.
      deep: How many the deeper model has.
      seconds: Each size is repeated until it has taken this long.

    Returns:
      {"passes": [{"step": size, "cpu_seconds": of one pass, "seconds", "peak_mb": above that of the process before,
      "flops"}, …], "deep": [the same]}

    Raises:
      PerceiverError: the process failed; the message has its last line.
    """
    asked = json.dumps([kind, list(sizes), layers, deep, seconds])
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    ended = subprocess.run(
        [sys.executable, "-m", "perceiver_keras.miniature.sizes", asked],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise PerceiverError(
            f"Measuring {kind} of {sizes[0]:,} to {sizes[-1]:,} ended with {ended.returncode}: {last}"
        )
    return json.loads(ended.stdout.splitlines()[-1])


def main() -> None:
    """Measures what the argument asks for; prints the rows as JSON."""
    kind, sizes, layers, deep, seconds = json.loads(sys.argv[1])
    passes = rows(kind, sizes, layers, seconds)
    print(json.dumps({"passes": passes, "deep": rows(kind, sizes[-1:], deep, seconds)}))


def rows(kind: str, sizes: Sequence[int], layers: int, seconds: float) -> list[dict[str, Any]]:
    """The rows of one depth, measured in this process."""
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not one of {', '.join(KINDS)}.")
    import tensorflow as tf

    from perceiver_keras.training.graph_usage import graph_usage

    run = forward(kind, layers)
    tf.matmul(tf.ones([256, 256]), tf.ones([256, 256])).numpy()  # threads and their buffers
    _forget_peak()
    before, found = _peak(), []
    for size in sizes:
        array = tf.random.stateless_uniform([1, size, WIDTH], [1, 2])
        graph = run.get_concrete_function(array).graph
        tf.reduce_sum(run(array)).numpy()
        count, wall, used = 0, time.monotonic(), time.process_time()
        while count == 0 or time.monotonic() - wall < seconds:
            tf.reduce_sum(run(array)).numpy()
            count += 1
        found.append(
            {
                "step": size,
                "cpu_seconds": (time.process_time() - used) / count,
                "seconds": (time.monotonic() - wall) / count,
                "peak_mb": _peak() - before,
                "flops": graph_usage(graph).flops,
            }
        )
    return found


def forward(kind: str, layers: int) -> Callable[..., Any]:
    """The graph function of an array [1, S, WIDTH] whose S grows."""
    import tensorflow as tf

    from perceiver_keras import config as c
    from perceiver_keras.baselines.transformer import TransformerProcess
    from perceiver_keras.decode import Decode
    from perceiver_keras.encode import Encode
    from perceiver_keras.process import Process

    if kind == "transformer":
        model = TransformerProcess(
            c.TransformerConfig(num_layers=layers, width=WIDTH, num_heads=1, widening_factor=1)
        )
        return tf.function(lambda array: model(array, training=False))
    encode = Encode(c.EncodeConfig(num_latents=LATENTS, latent_dim=WIDTH))
    process = Process(c.ProcessConfig(num_self_attention_layers=layers, num_self_attention_heads=1))
    decode = Decode(c.DecodeConfig())
    few = tf.random.stateless_uniform([1, FEW, WIDTH], [3, 4])

    def perceiver(array: tf.Tensor) -> tf.Tensor:
        inputs, queries = (array, few) if kind == "inputs" else (few, array)
        latents = process(encode(inputs, training=False), training=False)
        return decode((queries, latents), training=False)

    return tf.function(perceiver)


def _peak() -> float:
    """The most memory that the process has had, in MB.

    On Linux not by `getrusage`, whose figure a process inherits from the one that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def _forget_peak() -> None:
    """Makes what the process has now its peak, where Linux allows that."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
