"""The manifests follow the published schemas, agree with themselves, and call the command line as it is."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from perceiver_keras import cli
from perceiver_keras.training import cluster
from tests.published_schemas import KUBERNETES_VERSIONS, kubernetes_validate

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"


def objects(name: str) -> dict[str, dict[str, Any]]:
    """{kind: the object} of a manifest."""
    pages = list(yaml.safe_load_all((FOLDER / name).read_text()))
    return {page["kind"]: page for page in pages}


MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml"))


def job_of(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The spec of the Job, or of a CronJob's jobs."""
    if "Job" in found:
        return found["Job"]["spec"]
    return found["CronJob"]["spec"]["jobTemplate"]["spec"]


def container_of(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    [container] = job_of(found)["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("version", [KUBERNETES_VERSIONS[0], KUBERNETES_VERSIONS[-1]])
@pytest.mark.parametrize("name", MANIFESTS)
def test_every_object_follows_the_strict_schema(name, version):
    for found in objects(name).values():
        assert kubernetes_validate.validate(found, version, strict=True) in version


@pytest.mark.parametrize("where", ["job", "pod", "container", "rule"])
def test_a_misspelled_key_is_refused(where):
    """So the test above can fail."""
    found = copy.deepcopy(objects("job.yaml"))
    job = job_of(found)
    pod = job["template"]["spec"]
    rule = job["podFailurePolicy"]["rules"][0]
    place = {"job": job, "pod": pod, "container": pod["containers"][0], "rule": rule}[where]
    place["misspelled"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="misspelled"):
        kubernetes_validate.validate(found["Job"], KUBERNETES_VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_command_is_one_of_ours(name):
    words = container_of(objects(name))["command"]
    assert words[0] == "perceiver"
    made = parsed(*words[1:])
    if words[1] == "launch":
        made = parsed(*made.params["arguments"])
    assert made.params["task"] == "image_classification"
    assert str(made.params["run_dir"]).startswith("/runs/")


def parsed(name: str, *arguments: str) -> click.Context:
    command = cli.main.get_command(click.Context(cli.main), name)
    return command.make_context(name, list(arguments))


@pytest.mark.parametrize("name", MANIFESTS)
def test_what_is_written_stays_on_the_claimed_volume(name):
    found = objects(name)
    pod = job_of(found)["template"]["spec"]
    [volume], [mount] = pod["volumes"], container_of(found)["volumeMounts"]
    claim = found["PersistentVolumeClaim"]["metadata"]["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/runs")


@pytest.mark.parametrize("name", MANIFESTS)
def test_what_would_fail_again_is_not_tried_again(name):
    """2 is wrong usage, 3 a model that was not blessed; a pod that a node took along is started again."""
    job = job_of(objects(name))
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # which the policy needs
    ignore, fail = job["podFailurePolicy"]["rules"]
    assert ignore["action"] == "Ignore"
    assert fail["action"] == "FailJob"
    assert fail["onExitCodes"]["containerName"] == container_of(objects(name))["name"]
    assert 2 in fail["onExitCodes"]["values"]
    assert (3 in fail["onExitCodes"]["values"]) == ("run" in container_of(objects(name))["command"])


def test_workers_find_each_other_by_the_names_that_kubernetes_gives_pods():
    """JOB-INDEX.SUBDOMAIN, of a headless service that selects them."""
    found = objects("indexed_job.yaml")
    job, service = job_of(found), found["Service"]
    launch = parsed(*container_of(found)["command"][1:]).params
    addresses = cluster.addresses_of(launch["hosts"], launch["workers"])
    name, subdomain = found["Job"]["metadata"]["name"], service["metadata"]["name"]
    [port] = service["spec"]["ports"]
    assert addresses == [f"{name}-{i}.{subdomain}:{port['port']}" for i in range(len(addresses))]
    assert len(addresses) == job["completions"] == job["parallelism"]
    assert job["completionMode"] == "Indexed"
    assert job["template"]["spec"]["subdomain"] == subdomain
    assert service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"]
    labels = job["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert container_of(found)["ports"][0]["containerPort"] == port["port"]
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]


def test_one_nightly_run_at_a_time():
    assert objects("cron_job.yaml")["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"
