"""Real errors of TensorFlow and Python, and the setting that each names."""

from __future__ import annotations

import pytest
import tensorflow as tf

from perceiver_keras.errors import PerceiverError
from perceiver_keras.training.out_of_memory import advice, explained, is_out_of_memory, part_of


@pytest.fixture(scope="module")
def exhausted() -> BaseException:
    """TensorFlow's own error; it tries for ten seconds."""
    with pytest.raises(tf.errors.ResourceExhaustedError) as error:
        tf.zeros([1 << 20, 1 << 24])
    return error.value


def test_tensorflows_and_pythons_errors_are_recognized(exhausted):
    assert is_out_of_memory(exhausted)
    assert is_out_of_memory(MemoryError())
    with pytest.raises(MemoryError):
        bytearray(1 << 50)
    full = tf.errors.ResourceExhaustedError(None, None, "/data: No space left on device")
    assert not is_out_of_memory(full)
    quota = tf.errors.ResourceExhaustedError(None, None, "/data/x; Disk quota exceeded")
    assert not is_out_of_memory(quota)
    assert not is_out_of_memory(tf.errors.InvalidArgumentError(None, None, "shape"))
    xla = tf.errors.InternalError(None, None, "Failed to allocate request for 2.00GiB on device")
    assert is_out_of_memory(xla)


@pytest.mark.parametrize(
    ("stage", "size", "said"),
    [
        ("training", 64, "--set data.batch_size=32 --set train.gradient_accumulation=2"),
        ("training", None, "data.batch_size=auto"),
        ("evaluation", 64, "evaluate.batch_size"),
    ],
)
def test_each_stage_names_its_setting(exhausted, stage, size, said):
    want = f"Out of memory in {stage}"
    with pytest.raises(PerceiverError, match=want) as error, explained(stage, size):
        raise exhausted
    assert said in str(error.value) and "\n" not in str(error.value)


def test_attention_and_the_shuffle_name_theirs():
    logits = (
        "OOM when allocating tensor with shape[8,8,2048,2048] [Op: model/encode/attention/MatMul]"
    )
    assert part_of(tf.errors.ResourceExhaustedError(None, None, logits), "training") == "attention"
    assert "model.attention_memory_mb" in advice("training", "attention", 8)
    assert "train.recompute" in advice("training") and "recompute" not in advice("evaluation")
    buffer = "Failed to allocate memory for the shuffle buffer [[{{node ShuffleDataset}}]]"
    with pytest.raises(PerceiverError, match="data.shuffle_buffer"), explained("training", 64):
        raise tf.errors.ResourceExhaustedError(None, None, buffer)


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), explained("training"):
        1 / 0  # noqa: B018
