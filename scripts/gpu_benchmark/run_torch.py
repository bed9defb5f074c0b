"""Times Hugging Face's Perceivers with random weights in torch: the same work as `run_jax.py`'s, same precision.

    python scripts/gpu_benchmark/run_torch.py OUT.json [--seconds N] [--only CASE …] [--how eager compile]

The models have the released sizes (numbers of parameters are checked), and no dropout, like the released ones. They
have one attention, written out; no fused kernel can be chosen for it. Fourier positions are computed on the
accelerator, which is kinder than the default: without `set_default_device` the port computes them on the CPU in every
call. Forward passes in bfloat16 have bfloat16 weights, but for the video model, with which the port fails, so that it
uses autocast; training steps use autocast, float32 weights and fused AdamW.
Float32 products may use TF32, as ours do.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from cases import CASES, Case
from timing import Record, timed
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from transformers import PerceiverConfig

_IMAGENET = {
    "num_latents": 512,
    "d_latents": 1024,
    "num_blocks": 8,
    "num_self_attends_per_block": 6,
}
_IMAGENET |= {"num_self_attention_heads": 8, "num_cross_attention_heads": 1, "num_labels": 1000}
# The `config.json` of the released repositories, as far as it differs from the class's defaults.
CONFIGS = {
    "mlm": {"d_model": 768, "qk_channels": 256, "v_channels": 1280},
    "fourier": _IMAGENET | {"d_model": 261},
    "conv": _IMAGENET | {"d_model": 322},
    "flow": {
        "num_latents": 2048,
        "d_latents": 512,
        "d_model": 322,
        "num_self_attends_per_block": 24,
        "num_self_attention_heads": 16,
        "num_cross_attention_heads": 1,
    },
    "video": {
        "num_latents": 784,
        "d_latents": 512,
        "d_model": 704,
        "num_self_attends_per_block": 8,
        "num_self_attention_heads": 8,
        "num_cross_attention_heads": 1,
        "num_labels": 700,
        "image_size": 56,
    },
}
CLASSES = {
    "mlm": "PerceiverForMaskedLM",
    "fourier": "PerceiverForImageClassificationFourier",
    "conv": "PerceiverForImageClassificationConvProcessing",
    "flow": "PerceiverForOpticalFlow",
    "video": "PerceiverForMultimodalAutoencoding",
}
# docs/architecture.md, Released settings
PARAMETERS = {
    "mlm": 201_108_230,
    "fourier": 48_440_627,
    "conv": 48_646_522,
    "flow": 41_057_134,
    "video": 19_858_855,
}
# As the port's documentation decodes a clip: a part of the outputs in each call.
CHUNKS = 128
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def build(model: str) -> torch.nn.Module:
    config = PerceiverConfig(attention_probs_dropout_prob=0.0, **CONFIGS[model])
    found = getattr(transformers, CLASSES[model])(config)
    count = sum(p.numel() for p in found.parameters())
    if count != PARAMETERS[model]:
        print(
            f"{model}: {count} parameters, and the released model has {PARAMETERS[model]}",
            flush=True,
        )
    return found


def inputs_of(case: Case) -> dict[str, Any]:
    b, dtype = case.batch, torch.bfloat16 if case.precision == "bfloat16" else torch.float32
    if case.kind == "train" or case.model == "video":
        dtype = torch.float32
    if case.model == "mlm":
        return {
            "inputs": torch.randint(6, 262, (b, 2048)),
            "attention_mask": torch.ones(b, 2048, dtype=torch.long),
        }
    if case.model == "flow":
        return {"inputs": torch.rand(b, 2, 27, 368, 496, dtype=dtype)}
    if case.model == "video":
        return {
            "inputs": {
                "image": torch.rand(b, 16, 3, 224, 224, dtype=dtype),
                "audio": torch.rand(b, 30_720, 1, dtype=dtype),
                "label": torch.zeros(b, 700, dtype=dtype),
            }
        }
    return {"inputs": torch.rand(b, 3, 224, 224, dtype=dtype)}


def points_of(chunk: int) -> dict[str, Any]:
    image, audio = 16 * 224 * 224 // CHUNKS, 30_720 // 16 // CHUNKS
    return {
        "image": torch.arange(image * chunk, image * (chunk + 1)),
        "audio": torch.arange(audio * chunk, audio * (chunk + 1)),
        "label": None,
    }


def _drawn_points() -> dict[str, Any]:
    """As many as our training asks for."""
    image, audio = torch.randint(0, 16 * 224 * 224, (512,)), torch.randint(0, 1920, (512,))
    return {"image": image, "audio": audio, "label": None}


def forward(case: Case, model: Callable[..., Any]) -> Callable[[], Any]:
    given = inputs_of(case)

    @torch.no_grad()
    def whole() -> Any:
        if case.model != "video":
            return model(**given).logits
        # The port can't run this model with bfloat16 weights.
        with torch.autocast(DEVICE, torch.bfloat16, enabled=case.precision == "bfloat16"):
            for chunk in range(CHUNKS):
                found = model(**given, subsampled_output_points=points_of(chunk)).logits["image"]
        return found

    return whole


def loss_of(case: Case) -> Callable[[Any], torch.Tensor]:
    b = case.batch
    if case.model == "mlm":
        asked = torch.rand(b, 2048) < 0.15
        labels = torch.where(asked, torch.randint(6, 262, (b, 2048)), -100)
        return lambda logits: functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten()
        )
    if case.model == "flow":
        truth = torch.rand(b, 368, 496, 2)
        return lambda flow: (flow.float() - truth).square().sum(-1).add(1e-12).sqrt().mean()
    if case.model == "video":
        image, audio = torch.rand(b, 512, 3), torch.rand(b, 512 * 16)
        label = torch.randint(0, 700, (b,))
        return lambda out: (
            0.03 * (out["image"].float() - image).abs().mean()
            + (out["audio"].float().flatten(1) - audio).abs().mean()
            + 1e-4 * functional.cross_entropy(out["label"].float(), label)
        )
    label = torch.randint(0, 1000, (b,))
    return lambda logits: functional.cross_entropy(logits.float(), label, label_smoothing=0.1)


def train(case: Case, model: Callable[..., Any], owner: torch.nn.Module) -> Callable[[], Any]:
    given, loss = inputs_of(case), loss_of(case)
    if case.model == "video":
        given["subsampled_output_points"] = _drawn_points()
    optimizer = torch.optim.AdamW(owner.parameters(), lr=1e-4, fused=DEVICE == "cuda")

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        half = torch.autocast(DEVICE, torch.bfloat16, enabled=case.precision == "bfloat16")
        with half:
            found = loss(model(**given).logits)
        found.backward()
        optimizer.step()
        return found.detach()

    return step


# How torch runs a model: as it is, compiled, compiled and recorded as a CUDA graph (one launch for all kernels).
SIDES = {"eager": "hf eager", "compile": "hf compiled", "graphs": "hf compiled"}


def run(case: Case, how: str) -> Record:
    compiled = how != "eager"
    torch.manual_seed(0)
    gc.collect()
    if DEVICE == "cuda":
        torch.cuda.empty_cache()
    model = build(case.model)
    if case.kind == "forward":
        model = model.eval()
        if case.precision == "bfloat16" and case.model != "video":
            model = model.to(torch.bfloat16)
    torch._dynamo.reset()
    mode = "reduce-overhead" if how == "graphs" else "default"
    callable_ = torch.compile(model, dynamic=False, mode=mode) if compiled else model
    forward_only = case.kind == "forward"
    once = forward(case, callable_) if forward_only else train(case, callable_, model.train())

    def step() -> torch.Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return _done(once())

    begin = time.perf_counter()
    output = step()
    compile_seconds = time.perf_counter() - begin if compiled else 0.0
    step()
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = timed(step)
    memory = torch.cuda.max_memory_allocated() if DEVICE == "cuda" else 0
    return Record(
        case=case.peer_name,
        side=SIDES[how],
        note=how,
        seconds=seconds,
        compile_seconds=compile_seconds,
        flops=0 if compiled else flops_of(case, model),
        memory=memory,
        finite=bool(torch.isfinite(output.float()).all()),
    )


def flops_of(case: Case, model: torch.nn.Module) -> int:
    """Of one batch. Gradients are on: without them the counter misses most products."""
    given, times, dtype = inputs_of(case), 1, torch.bfloat16
    half = case.precision == "bfloat16" and (case.kind == "train" or case.model == "video")
    if case.model == "video":
        whole = case.kind == "forward"
        times = CHUNKS if whole else 1
        given["subsampled_output_points"] = points_of(0) if whole else _drawn_points()
    loss = loss_of(case) if case.kind == "train" else None
    with (
        torch.enable_grad(),
        FlopCounterMode(display=False) as counter,
        torch.autocast(DEVICE, dtype, enabled=half),
    ):
        found = model(**given).logits
        if loss is not None:
            loss(found).backward()
    return times * counter.get_total_flops()


def _done(output: torch.Tensor) -> torch.Tensor:
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return output


def matmul_peak(size: int = 8192, times: int = 20) -> float:
    a, b = (torch.randn(size, size, dtype=torch.bfloat16) for _ in range(2))
    seconds = timed(lambda: _done([a @ b for _ in range(times)][-1]))
    return times * 2 * size**3 / float(np.median(seconds))


def work(hows: list[str], only: list[str] | None) -> Iterator[tuple[Case, str]]:
    """What to run, in order: every case once, whatever our own settings."""
    cases = {case.peer_name: case for case in CASES if not only or case.peer_name in only}
    for some in ([how for how in hows if how == "eager"], [how for how in hows if how != "eager"]):
        for case in cases.values():
            for how in some:
                # With more work per launch, a CUDA graph gains nothing.
                if how != "graphs" or (case.kind == "forward" and case.batch == 1):
                    yield case, how


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--only", nargs="*", help="names of cases")
    parser.add_argument("--how", nargs="*", default=list(SIDES), choices=list(SIDES))
    chosen = parser.parse_args()
    torch.set_default_device(DEVICE)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    found = {
        "side": "hf",
        "device": torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu",
        "versions": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": sys.version.split()[0],
        },
        "matmul_peak": matmul_peak() if DEVICE == "cuda" else None,
        "records": [],
        "left_out": [],
    }
    begin = time.perf_counter()
    # All that is quick first, then what has to be compiled.
    for case, how in work(chosen.how, chosen.only):
        if time.perf_counter() - begin > chosen.seconds:
            found["left_out"].append(f"{case.peer_name}, {how}: no time")
            continue
        try:
            record = run(case, how)
            found["records"].append(record.as_json())
            print(record, flush=True)
        except Exception as error:  # a case that fails must not take the others with it
            what = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
            found["left_out"].append(f"{case.peer_name}, {how}: {what}")
            print(found["left_out"][-1], flush=True)
        chosen.out.write_text(json.dumps(found, indent=1))
    chosen.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
