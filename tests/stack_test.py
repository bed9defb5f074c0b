"""Keras 2 under either TensorFlow, whoever loads it first; and what can't be installed where."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format

from perceiver_keras import stack

# A TensorFlow of the modern stack as far as this is concerned: which Keras it shows, and when it decides.
# The real one is loaded where the tests run on the modern stack.
CHECK = """
import importlib.metadata, os, sys, types
os.environ.pop("TF_USE_LEGACY_KERAS", None)
real = importlib.metadata.version
importlib.metadata.version = lambda name: "3.15.0" if name == "keras" else real(name)
{before}
import perceiver_keras
print(os.environ["TF_USE_LEGACY_KERAS"], "tensorflow" in sys.modules)
"""
KERAS_3 = """
tensorflow = sys.modules["tensorflow"] = types.ModuleType("tensorflow")
tensorflow.keras = types.SimpleNamespace(__version__="3.15.0")
"""


def run(before: str) -> subprocess.CompletedProcess[str]:
    program = CHECK.format(before=before)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_the_switch_is_set_before_tensorflow_is_loaded_and_loads_nothing() -> None:
    assert run("").stdout.split() == ["1", "False"]
    assert run('os.environ["TF_USE_LEGACY_KERAS"] = "true"').stdout.split() == ["true", "False"]


def test_who_has_loaded_keras_3_is_told_what_to_do() -> None:
    last = run(KERAS_3).stderr.splitlines()[-1]
    assert "already loaded Keras 3" in last and "import perceiver_keras before TensorFlow" in last
    last = run('os.environ["TF_USE_LEGACY_KERAS"] = "0"').stderr.splitlines()[-1]
    assert "TF_USE_LEGACY_KERAS is '0'" in last and "unset it" in last


def test_a_tensorflow_that_has_keras_2_is_taken_as_it_is() -> None:
    assert run(KERAS_3.replace("3.15", "2.15")).stdout.split() == ["1", "True"]


def test_keras_is_keras_2_here() -> None:
    import tensorflow as tf

    assert getattr(tf.keras, "__version__", "2.").startswith("2.")
    assert stack.is_modern() == (os.environ.get(stack.SWITCH) in ("1", "true", "True"))
    assert tf.keras.Model.__module__.split(".")[0] == stack.keras_name().replace("-", "_")


def test_addons_are_taken_where_they_go_with_tensorflow() -> None:
    addons = stack.addons()
    assert (addons is None) == stack.is_modern()
    assert addons is None or addons.optimizers.LAMB


@pytest.mark.parametrize(
    "python, glibc, told",
    [
        ((3, 10), "2.31", ""),
        ((3, 10), "", ""),
        ((3, 11), "2.39", ""),
        ((3, 13), "2.41", ""),
        ((3, 12), "2.36", "this machine has glibc 2.36"),
        ((3, 12), "2.5", "this machine has glibc 2.5"),
        ((3, 13), "", "this machine has no glibc"),
    ],
)
def test_where_the_pipeline_can_be_installed(python, glibc, told) -> None:
    why = stack.no_pipeline(python, glibc)
    assert told in why and bool(why) == bool(told)
    assert not why or "Python 3.10" in why


def test_as_a_script_it_says_whether_the_pipeline_can_be_installed_here() -> None:
    """scripts/find_python.sh asks it before anything is installed."""
    told = subprocess.run([sys.executable, "-I", stack.__file__], capture_output=True, text=True)
    assert (told.stdout.strip(), told.stderr) == (stack.no_pipeline(), "")


def test_the_lock_is_that_of_this_python() -> None:
    modern = sys.version_info >= (3, 11)
    assert stack.lock_name().startswith("requirements-modern" if modern else "requirements.lock")
    assert stack.python_fault() == ""


LOGS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "{level}"
from perceiver_keras import stack
sys.meta_path.insert(0, stack._QuietTensorFlow())
import tensorflow
"""
SAYS = """
import os, sys
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\\nI0000 12 port.cc] on\\n")
os.write(2, b"E0000 12 cuda.cc] broken\\n")
print("a line of Python's", file=sys.stderr)
"""


@pytest.mark.parametrize("level, lines", [("0", 4), ("3", 2)])
def test_what_tensorflow_logs_while_it_loads_is_kept_back_but_not_errors(
    tmp_path: Path, repository: Path, level: str, lines: int
) -> None:
    (tmp_path / "tensorflow.py").write_text(SAYS)
    paths = os.pathsep.join(map(str, (tmp_path, repository)))
    done = subprocess.run(
        [sys.executable, "-c", LOGS.format(level=level)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    said = done.stderr.splitlines()
    assert len(said) == lines
    assert said[-2:] == ["E0000 12 cuda.cc] broken", "a line of Python's"]


def test_messages_are_made_and_written_as_any_protobuf_does() -> None:
    """Of a file that is described in memory, with a field that holds its default."""
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", package="a", syntax="proto3")
    field = file.message_type.add(name="One").field.add(name="count_of", number=1)
    field.label, field.type = field.LABEL_OPTIONAL, field.TYPE_INT32
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    One = stack.message_class(pool.FindMessageTypeByName("a.One"))  # noqa: N806
    assert One.FromString(One(count_of=3).SerializeToString()).count_of == 3
    assert json_format.MessageToDict(One(), **stack.with_defaults()) == {"countOf": 0}
    assert json_format.MessageToDict(One()) == {}
