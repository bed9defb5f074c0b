"""TF_CONFIG, against what TensorFlow itself reads in it, and what is refused."""

from __future__ import annotations

import json
import socket

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.training.cluster import (
    INDEX,
    VARIABLE,
    addresses_of,
    check_port,
    from_environment,
    index_here,
    is_chief_here,
    to_text,
)


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


def test_tensorflows_names_are_those_of_messages():
    chief = from_environment(config({"worker": ["a:1", "b:2"], "chief": ["c:3"]}))
    assert (chief.task("chief", 0), chief.task("worker", 1)) == (chief.name(0), chief.name(2))


def test_a_port_that_another_process_listens_on_is_refused():
    with socket.create_server(("", 0)) as held:
        port = held.getsockname()[1]
        cluster = from_environment(config({"worker": ["a:1", f"b:{port}"]}, index=1))
        words = f"worker 1 at b:{port} can't listen on port {port} of this machine: another process"
        with pytest.raises(UsageError, match=words):
            check_port(cluster)
    check_port(cluster)


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
        (config({"worker": ["a:1"]}, index=0.5), "a whole number as task index, got 0.5"),
        (config({"worker": ["a:1"]}, index=False), "a whole number as task index, got False"),
        (config({"worker": ["a:1"]}, index="first"), "a whole number as task index, got 'first'"),
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


def test_the_only_process_and_the_chief_write():
    assert is_chief_here({})
    assert is_chief_here({VARIABLE: to_text(["a:1", "b:1"], 0)})
    assert not is_chief_here({VARIABLE: to_text(["a:1", "b:1"], 1)})
    cluster = {"chief": ["a:1"], "worker": ["b:1"]}
    assert is_chief_here(config(cluster, "chief"))
    assert not is_chief_here(config(cluster))


def test_addresses_are_a_list_or_a_pattern():
    assert addresses_of("a:1, b:2", None) == ["a:1", "b:2"]
    assert addresses_of("a:1,b:2", 2) == ["a:1", "b:2"]
    assert addresses_of("t-{index}.s:2222", 3) == ["t-0.s:2222", "t-1.s:2222", "t-2.s:2222"]


@pytest.mark.parametrize(
    ("hosts", "workers", "words"),
    [
        ("t-{index}.s:2222", None, "say how many workers with --workers N"),
        ("a:1,b:2", 3, "--hosts lists 2 workers, and --workers is 3"),
        ("a,b:2", None, "expected HOST:PORT, got 'a'"),
        ("t-{index}", 2, "expected HOST:PORT, got 't-0'"),
        ("", None, "expected HOST:PORT, got ''"),
    ],
)
def test_hosts_that_are_no_addresses_are_refused(hosts, workers, words):
    with pytest.raises(UsageError) as error:
        addresses_of(hosts, workers)
    assert words in str(error.value)


def test_a_pod_of_an_indexed_job_knows_which_worker_it_is():
    assert [index_here(3, {INDEX: str(index)}) for index in range(3)] == [0, 1, 2]
    for value in ("3", "-1", "x", "1.0"):
        with pytest.raises(UsageError, match=f"expected 0 to 2, got '{value}'"):
            index_here(3, {INDEX: value})
    with pytest.raises(UsageError, match="must be in JOB_COMPLETION_INDEX"):
        index_here(3, {})
