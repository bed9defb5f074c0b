"""TF_CONFIG, against what TensorFlow itself reads in it, and what is refused."""

from __future__ import annotations

import json

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.training.cluster import VARIABLE, from_environment, to_text


def config(cluster, task_type="worker", index=0):
    return {VARIABLE: json.dumps({"cluster": cluster, "task": {"type": task_type, "index": index}})}


@pytest.mark.parametrize(
    ("cluster", "task", "place"),
    [
        ({"worker": ["a:1", "b:2"]}, ("worker", 0), 0),
        ({"worker": ["a:1", "b:2"]}, ("worker", 1), 1),
        ({"chief": ["c:3"], "worker": ["a:1", "b:2"]}, ("chief", 0), 0),
        ({"worker": ["a:1", "b:2"], "chief": ["c:3"]}, ("worker", 1), 2),
    ],
)
def test_the_place_of_a_worker_is_that_of_tensorflow(cluster, task, place):
    from tensorflow.python.distribute import multi_worker_util

    found = from_environment(config(cluster, *task))
    assert found.index == place == multi_worker_util.id_in_cluster(cluster, *task)
    assert found.is_chief == multi_worker_util.is_chief(cluster, *task)
    assert found.addresses[place] == cluster[task[0]][task[1]]
    assert sum(count for _, count in found.jobs) == len(found.addresses)
    leader = multi_worker_util.coordination_leader(cluster)
    assert leader == f"/job:{found.jobs[0][0]}/replica:0/task:0"


def test_what_is_written_is_read_back():
    text = to_text(["a:1", "b:2", "c:3"], 2)
    found = from_environment({VARIABLE: text})
    assert (found.addresses, found.index, found.jobs) == (
        ("a:1", "b:2", "c:3"),
        2,
        (("worker", 3),),
    )
    assert (found.name(0), found.name(2)) == ("worker 0 (the chief) at a:1", "worker 2 at c:3")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "TF_CONFIG is not set"),
        (" ", "TF_CONFIG is not set"),
        ("{", "can't be read"),
        ("[]", "can't be read"),
        ('{"cluster": {"worker": ["a:1"]}}', "can't be read (KeyError: 'task')"),
        (config({"worker": "a:1"}), "expected a list of HOST:PORT, got 'a:1'"),
        (config({"worker": ["a"]}), "expected HOST:PORT, got 'a'"),
        (config({"worker": ["a:99999"]}), "expected HOST:PORT, got 'a:99999'"),
        (
            config({"worker": ["a:1"]}, index=1),
            "this is task worker 1, but the cluster has worker 0 to 0",
        ),
        (config({"worker": ["a:1"]}, index=-1), "this is task worker -1"),
        (config({"worker": ["a:1"]}, "chief"), "this is task chief 0"),
        (config({}), "the cluster has no task"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), "found 'ps'; remove it"),
        (config({"chief": ["a:1", "b:1"]}, "chief"), "one chief at most, found 2"),
        (config({"chief": ["a:1"], "worker": ["a:1"]}), "a:1 is the address of two workers"),
    ],
)
def test_what_describes_no_worker_is_refused(value, words):
    environment = value if isinstance(value, dict) else {} if value is None else {VARIABLE: value}
    with pytest.raises(UsageError) as error:
        from_environment(environment)
    assert words in str(error.value)
