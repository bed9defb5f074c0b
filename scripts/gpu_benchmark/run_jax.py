"""Times the graphs that `lower.py` wrote, in JAX on this machine's accelerator.

    python scripts/gpu_benchmark/run_jax.py FOLDER OUT.json [--seconds N] [--only CASE …]

Arguments are drawn at random with the statistics of the real ones. A training step hands its variables on to the next
one, and their buffers are donated. Float32 products may use TF32, as by default in JAX and in TensorFlow. Cases that
would begin after N seconds are left out, and listed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from cases import CASES, Case
from from_hlo import load
from timing import Record, timed

_NUMBERS = np.random.default_rng(0).standard_normal(2**20 + 7, np.float32)


def draw(entry: dict[str, Any], dice: np.random.Generator) -> jax.Array:
    """A random value of the entry's shape and statistics; large ones repeat a million numbers."""
    shape, dtype = entry["shape"], np.dtype(entry["dtype"])
    if dtype.kind == "b":
        return jnp.ones(shape, bool)
    if np.issubdtype(dtype, np.integer):
        # Ids, classes, points; of the state, steps: AdamW has begun.
        return jnp.asarray(
            dice.integers(0, 262, shape) if entry["kind"] == "input" else np.ones(shape), dtype
        )
    value = np.resize(_NUMBERS, shape)
    value = entry.get("mean", 0.0) + entry.get("deviation", 1.0) * value
    # A slot's mean of squares is not negative.
    return jnp.asarray(np.abs(value) if entry["kind"] == "state" else value, dtype)


def run(case: Case, folder: Path) -> Record:
    graph = load(folder, case.name)
    dice = np.random.default_rng(0)
    arguments = [draw(entry, dice) for entry in graph.arguments]
    count = len(graph.updated)

    jax.block_until_ready(arguments)
    begin = time.perf_counter()
    donated = tuple(sorted(graph.updated.values()))
    compiled = jax.jit(graph.call, donate_argnums=donated).lower(*arguments).compile()
    compile_seconds = time.perf_counter() - begin

    def step() -> None:
        outputs = compiled(*arguments)
        for output, argument in graph.updated.items():
            arguments[argument] = outputs[output]
        jax.block_until_ready(outputs)
        step.first = outputs[0]

    seconds = timed(step)
    plan = compiled.memory_analysis()
    text = compiled.as_text()
    made = {word: text.count(f" {word}(") for word in ("fusion", "while", "custom-call", "copy")}
    made |= dict(Counter(re.findall(r'custom_call_target="([^"]+)"', text)))
    made["triton"] = text.count("__triton")
    finite = bool(jnp.isfinite(step.first.astype(jnp.float32)).all())
    return Record(
        case=case.name,
        side="ours",
        seconds=seconds,
        compile_seconds=compile_seconds,
        flops=graph.flops,
        # What XLA has planned for the call: its arguments, its results but for those in donated buffers, its buffers.
        memory=plan.argument_size_in_bytes
        + plan.output_size_in_bytes
        - plan.alias_size_in_bytes
        + plan.temp_size_in_bytes,
        note=f"{count} variables updated" if count else "",
        finite=finite,
        workspace=plan.temp_size_in_bytes,
        made=made,
    )


def matmul_peak(size: int = 8192, times: int = 20) -> float:
    """FLOP/s of bfloat16 products of two random matrices of size × size, queued without a wait between them."""
    a, b = (jax.random.normal(jax.random.key(i), (size, size), jnp.bfloat16) for i in (0, 1))
    product = jax.jit(jnp.matmul)
    seconds = timed(lambda: [product(a, b) for _ in range(times)][-1].block_until_ready())
    return times * 2 * size**3 / float(np.median(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--only", nargs="*", help="names of cases")
    chosen = parser.parse_args()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    jax.config.update("jax_enable_x64", True)  # steps are int64
    device = jax.devices()[0]
    found = {
        "side": "ours",
        "device": device.device_kind,
        "versions": {"jax": jax.__version__, "python": sys.version.split()[0]},
        "matmul_peak": matmul_peak(),
        "records": [],
        "left_out": [],
    }
    begin = time.perf_counter()
    for case in CASES:
        if not (chosen.folder / f"{case.name}.json").exists() or (
            chosen.only and case.name not in chosen.only
        ):
            continue
        if time.perf_counter() - begin > chosen.seconds:
            found["left_out"].append(case.name)
            continue
        try:
            record = run(case, chosen.folder)
            found["records"].append(record.as_json())
            print(record, flush=True)
        except Exception as error:  # a case that fails must not take the others with it
            found["left_out"].append(f"{case.name}: {type(error).__name__}: {str(error)[:300]}")
            print(found["left_out"][-1], flush=True)
        chosen.out.write_text(json.dumps(found, indent=1))
        jax.clear_caches()
    chosen.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
