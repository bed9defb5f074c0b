"""Which setting governs the memory of what ran out of it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from perceiver_keras.errors import PerceiverError, is_disk_full

SETTINGS = {
    "training": "data.batch_size",
    "evaluation": "evaluate.batch_size",
    "attention": "model.attention_memory_mb",
    "shuffle": "data.shuffle_buffer",
}
_WORDS = re.compile(
    r"OOM when allocating|out of memory|bad_alloc|Cannot allocate memory|RESOURCE_EXHAUSTED"
    r"|failed to allocate|Allocator \(.*\) ran out|Out of memory while trying to allocate",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory could not be had, on a GPU or on the host; TensorFlow is not imported."""
    if isinstance(error, MemoryError):
        return True
    if type(error).__name__ == "ResourceExhaustedError":
        # The disk and file handles are resources too.
        return not is_disk_full(error) and "Too many open files" not in str(error)
    internal = type(error).__name__ in ("InternalError", "UnknownError", "XlaRuntimeError")
    return internal and bool(_WORDS.search(str(error)))


def part_of(error: BaseException, stage: str) -> str:
    """The part of `stage` that ran out, a key of `SETTINGS`: the message's op may be attention's or the shuffle's."""
    text = str(error)
    if re.search(r"Shuffle(AndRepeat)?Dataset|shuffle", text):
        return "shuffle"
    shape = re.search(r"allocating tensor with shape\[([\d,]+)\]", text)
    logits = shape is not None and shape[1].count(",") == 3
    if logits and re.search(r"attention[^\s]*/(MatMul|BatchMatMul|Softmax|einsum|add|Cast)", text):
        return "attention"
    return stage


def advice(stage: str, part: str | None = None, size: int | None = None) -> str:
    """One sentence on what to set.

    Args:
      stage: "training" or "evaluation", or anything else where several settings may be the cause.
      part: As `part_of` returns it.
      size: The present batch size.
    """
    if part == "shuffle":
        return "Lower data.shuffle_buffer, the number of encoded examples kept in memory."
    if stage == "training":
        half = f"={size // 2}" if size and size > 1 else ""
        text = (
            f"Lower data.batch_size (--set data.batch_size{half or '=auto'} fits it to free memory)"
        )
        if half:
            text = (
                f"Lower data.batch_size: --set data.batch_size{half} --set train.gradient_accumulation=2 takes "
                "the same steps in about half the memory, data.batch_size=auto chooses what fits"
            )
    elif stage == "evaluation":
        text = "Lower evaluate.batch_size; evaluate.batch_size=auto chooses what fits"
    else:
        text = (
            "In training lower data.batch_size, in evaluation evaluate.batch_size (auto chooses what fits), while "
            "examples are shuffled data.shuffle_buffer"
        )
    if stage == "training":
        text += ". Deep models take less with train.recompute=true, and compute more"
    if part == "attention" or stage not in ("training", "evaluation"):
        text += ". Attention takes less with a lower model.attention_memory_mb"
    return text + "."


@contextlib.contextmanager
def explained(stage: str, size: int | None = None) -> Iterator[None]:
    """Turns an out-of-memory error inside into one that names what to set; see `advice`.

    Raises:
      PerceiverError: memory could not be had.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        part = part_of(error, stage)
        place = "while examples were shuffled" if part == "shuffle" else f"in {stage}"
        setting = f" with {SETTINGS[stage]}={size}" if size and part != "shuffle" else ""
        raise PerceiverError(
            f"Out of memory {place}{setting}. {advice(stage, part, size)}"
        ) from error
