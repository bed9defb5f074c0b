"""The table of `run_jax.py`'s and `run_torch.py`'s results.

    python scripts/gpu_benchmark/report.py RESULTS.json … --out gpu_CARD

Writes `gpu_CARD.json`, all results in one, and `gpu_CARD.md`. Where a case of
ours is in several files, the last one counts; of the port, the fastest.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from cases import CASES, DEFAULT_MB

HEAD = (
    "| model | | precision | batch | HF eager | HF compiled | ours | ours ÷ best HF | memory HF | ours "
    "| compile HF | ours | TFLOP/s HF | ours | share of peak, ours |"
)
NO_TIME = ": no time"
NAMES = {
    "mlm": "byte MLM",
    "fourier": "ImageNet Fourier",
    "conv": "ImageNet conv",
    "flow": "flow 368×496",
    "video": "video, whole clip",
}


def merged(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The files as one: records by side and case, and what all of them ran on."""
    devices = {one["device"] for one in results}
    if len(devices) != 1:
        raise SystemExit(f"The results are of several cards: {', '.join(sorted(devices))}.")
    versions, records, left_out = {}, {}, []
    for one in results:
        versions |= one["versions"]
        left_out += one["left_out"]
        for record in one["records"]:
            key = (record["side"], record["case"])
            before = records.get(key, record)
            # Of the port, the fastest of several measurements.
            keep = record["side"] == "ours" or record["median"] <= before["median"]
            records[key] = (record if keep else before) | {
                "flops": max(record["flops"], before["flops"])
            }
    return {
        "device": devices.pop(),
        "versions": versions,
        "matmul_peak": max(one["matmul_peak"] for one in results),
        "records": [records[key] for key in sorted(records)],
        "left_out": sorted(set(left_out)),
    }


def table(found: dict[str, Any]) -> str:
    """Markdown; one row per case of ours."""
    records = {(record["side"], record["case"]): record for record in found["records"]}
    lines = [HEAD, "|---" * HEAD.count(" |") + "|"]
    # By model, as people look for it, and not by how telling a case is.
    order = sorted(
        CASES,
        key=lambda c: (
            *(list(NAMES).index(c.model), c.kind, c.precision, c.batch),
            *(c.memory_mb, c.recompute),
        ),
    )
    for case in order:
        ours = records.get(("ours", case.name))
        if ours is None:
            continue
        eager, compiled = (
            records.get((f"hf {how}", case.peer_name)) for how in ("eager", "compiled")
        )
        others = [other for other in (eager, compiled) if other]
        best = min(others, key=lambda other: other["median"], default=None)
        kind = {"forward": "forward", "train": "training step"}[case.kind]
        if case.memory_mb != DEFAULT_MB:
            kind += f", {case.memory_mb} MB"
        if case.recompute:
            kind += ", recomputed"
        rate = ours["flops"] / ours["median"]
        cells = [
            NAMES[case.model],
            kind,
            case.precision,
            str(case.batch),
            _seconds(eager),
            _seconds(compiled),
            _seconds(ours),
            f"**{ours['median'] / best['median']:.2f}**" if best else "–",
            f"{best['memory'] / 1e9:.2f}" if best else "–",
            f"{ours['memory'] / 1e9:.2f}",
            f"{compiled['compile_seconds']:.0f}" if compiled else "–",
            f"{ours['compile_seconds']:.0f}",
            f"{eager['flops'] / best['median'] / 1e12:.0f}" if eager and eager["flops"] else "–",
            f"{rate / 1e12:.0f}",
            f"{100 * rate / found['matmul_peak']:.0f} %",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _seconds(record: dict[str, Any] | None) -> str:
    """Milliseconds: median (least to most)."""
    if record is None:
        return "–"
    median, least, most = (1e3 * record[name] for name in ("median", "min", "max"))
    digits = max(0, 2 - math.floor(math.log10(median)))
    return f"{median:.{digits}f} ({least:.{digits}f} to {most:.{digits}f})"


def page(found: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(found["versions"].items()))
    left_out = "".join(f"\n- {line}" for line in found["left_out"] if NO_TIME not in line)
    return f"""# On one {found["device"]}

{versions}. The card's bfloat16 product of two 8192 × 8192 matrices: {found["matmul_peak"] / 1e12:.0f} TFLOP/s.

Our TensorFlow graphs, lowered to StableHLO and run in JAX, next to Hugging Face's models in torch; released sizes,
random weights, the same batch and precision. Milliseconds are the median of 5 to 50 calls (in brackets the least and
the most) after three to warm up, each waited for; "compiled" is `torch.compile`. Memory is in GB: torch's largest
allocation, and what XLA plans for arguments, results and buffers. Compile times are in seconds. FLOPs are those of
matrix products and convolutions, counted in each side's own graph. float32 products may use TF32 on both sides.
bfloat16: the weights of a forward pass are bfloat16 on both sides (Hugging Face's video model fails with them and uses
autocast), a training step has float32 weights and AdamW. Hugging Face's Fourier positions are computed on the card, not
on the CPU as by default, and its video model decodes a clip in 128 parts, as its documentation says. "4096 MB" is our
`attention_memory_mb`, 256 by default; "recomputed" is our `train.recompute`; its FLOPs include what is computed again.
Of ours, the last of up to two runs; of the port, the fastest of up to three, all on one kind of card. JAX leaves a
quarter of the card's memory to others, so a graph of more than about 59 GiB fails.

{table(found)}

Not run, or failed:
{left_out}
- {sum(NO_TIME in line for line in found["left_out"])} cases of torch.compile: no device time left
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    found = merged([json.loads(path.read_text()) for path in chosen.results])
    chosen.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    chosen.out.with_suffix(".md").write_text(page(found))


if __name__ == "__main__":
    main()
