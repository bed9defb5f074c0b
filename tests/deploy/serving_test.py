"""How TensorFlow Serving is deployed: files that follow the published schemas and agree with what they start."""

from __future__ import annotations

import copy
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from perceiver_keras.server import parameter_files
from tests import kserve_schema
from tests.published_schemas import KUBERNETES_VERSIONS, kubernetes_validate

FOLDER = Path(__file__).parents[2] / "deploy" / "serving"
MODEL = "digits"


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text())


def objects() -> dict[str, dict[str, Any]]:
    pages = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    return {page["kind"]: page for page in pages}


def container() -> dict[str, Any]:
    [found] = objects()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


# === The published schemas ===


def compose_errors(found: dict[str, Any]) -> list[str]:
    package = Path(find_spec("check_jsonschema").origin).parent
    schema = json.loads((package / "builtin_schemas/vendor/compose-spec.json").read_text())
    kind = jsonschema.validators.validator_for(schema)
    return [error.message for error in kind(schema).iter_errors(found)]


def test_the_compose_file_follows_its_schema():
    found = read("compose.yaml")
    assert not compose_errors(found)
    found["services"]["serving"]["misspelled"] = 1
    assert "misspelled" in compose_errors(found)[0]


@pytest.mark.parametrize("version", [KUBERNETES_VERSIONS[0], KUBERNETES_VERSIONS[-1]])
def test_every_object_of_kubernetes_follows_the_strict_schema(version):
    for found in objects().values():
        assert kubernetes_validate.validate(found, version, strict=True) in version
    wrong = copy.deepcopy(objects()["Deployment"])
    wrong["spec"]["template"]["spec"]["containers"][0]["misspelled"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="misspelled"):
        kubernetes_validate.validate(wrong, version, strict=True)


@pytest.fixture(scope="module")
def kserve() -> jsonschema.Draft202012Validator:
    schema = kserve_schema.of_kind(
        "InferenceService", "serving.kserve.io", "v1beta1", KUBERNETES_VERSIONS[-1]
    )
    return jsonschema.Draft202012Validator(schema)


def test_the_inference_service_follows_kserve_s_own_models(kserve):
    assert [error.message for error in kserve.iter_errors(read("kserve.yaml"))] == []


def paths_of(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Every place in a document, as the keys that lead to it."""
    yield path
    for key in value if isinstance(value, dict) else ():
        yield from paths_of(value[key], (*path, key))


@pytest.mark.parametrize("path", list(paths_of(read("kserve.yaml"))), ids=".".join)
def test_a_wrong_inference_service_is_seen_wherever_it_is_wrong(kserve, path):
    def errors(change: Any) -> str:
        whole = {"": copy.deepcopy(read("kserve.yaml"))}
        *above, last = ("", *path)
        inner: Any = whole
        for key in above:
            inner = inner[key]
        change(inner, last)
        return " ".join(error.message for error in kserve.iter_errors(whole[""]))

    assert errors(lambda inner, key: inner.update({key: [["wrong"]]})), "another type"
    free = ("requests", "limits")  # resources may have any name
    found = read("kserve.yaml")
    for key in path:
        found = found[key]
    if isinstance(found, dict) and not set(free) & set(path):
        assert "misspelled" in errors(lambda inner, key: inner[key].update(misspelled=1))
    if path in REQUIRED:
        assert path[-1] in errors(lambda inner, key: inner.pop(key))


REQUIRED = {
    ("apiVersion",),
    ("kind",),
    ("metadata",),
    ("spec",),
    ("spec", "predictor"),
    ("spec", "predictor", "model", "modelFormat"),
}


def test_kserve_s_quantities_are_kubernetes_s(kserve):
    found = read("kserve.yaml")
    found["spec"]["predictor"]["model"]["resources"]["limits"]["cpu"] = {"cores": 2}
    assert list(kserve.iter_errors(found))
    found = read("kserve.yaml")
    found["spec"]["predictor"]["minReplicas"] = "one"
    assert [error.json_path for error in kserve.iter_errors(found)] == [
        "$.spec.predictor.minReplicas"
    ]


# === They agree with what they start ===


def test_the_configuration_is_read_as_it_is_meant():
    [model] = parameter_files.read_models((FOLDER / "models.config").read_text())
    assert (model.name, model.base_path) == (MODEL, f"/models/{MODEL}")
    batching = parameter_files.read_batching((FOLDER / "batching.config").read_text())
    # TensorFlow Serving does not start if the last size is not the largest batch.
    assert batching.allowed_batch_sizes[-1] == batching.max_batch_size == 64
    assert list(batching.allowed_batch_sizes) == sorted(batching.allowed_batch_sizes)
    monitoring = (FOLDER / "monitoring.config").read_text()
    path = parameter_files.read_monitoring(monitoring)
    annotations = objects()["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == path


def test_the_config_map_holds_the_same_configuration():
    data = objects()["ConfigMap"]["data"]
    readers = {
        "models.config": parameter_files.read_models,
        "batching.config": parameter_files.read_batching,
        "monitoring.config": parameter_files.read_monitoring,
    }
    assert data.keys() == readers.keys()
    for name, reads in readers.items():
        assert reads(data[name]) == reads((FOLDER / name).read_text()), name


def test_both_start_the_server_in_the_same_way():
    service = read("compose.yaml")["services"]["serving"]
    assert service["command"] == container()["args"]
    assert (
        service["environment"].items()
        == {e["name"]: e["value"] for e in container()["env"]}.items()
    )
    for argument in service["command"]:
        if "_file=" in argument:
            assert (FOLDER / Path(argument.partition("=")[2]).name).is_file()


def test_models_are_mounted_read_only_where_the_configuration_looks():
    pushed, config = read("compose.yaml")["services"]["serving"]["volumes"]
    assert (pushed["target"], pushed["read_only"]) == (f"/models/{MODEL}", True)
    assert (config["target"], config["read_only"]) == ("/config", True)
    mounts = {mount["mountPath"]: mount["readOnly"] for mount in container()["volumeMounts"]}
    assert mounts == {f"/models/{MODEL}": True, "/config": True}
    pod = objects()["Deployment"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes.keys() == {mount["name"] for mount in container()["volumeMounts"]}
    claim = objects()["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["pushed"]["persistentVolumeClaim"]["claimName"] == claim
    assert volumes["config"]["configMap"]["name"] == objects()["ConfigMap"]["metadata"]["name"]
    storage = read("kserve.yaml")["spec"]["predictor"]["model"]["storageUri"]
    assert storage == f"pvc://{claim}/{MODEL}"


def test_a_roll_out_keeps_all_pods_and_the_service_finds_them():
    found = objects()
    deployment = found["Deployment"]["spec"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    labels = deployment["template"]["metadata"]["labels"]
    for kind in ("Service", "Deployment", "PodDisruptionBudget"):
        selector = found[kind]["spec"]["selector"]
        assert selector.get("matchLabels", selector).items() <= labels.items()
    ports = {port["name"] for port in container()["ports"]}
    assert {port["targetPort"] for port in found["Service"]["spec"]["ports"]} == ports
    [image] = [line for line in compose_image().splitlines() if line.startswith("FROM")]
    tag = image.rpartition(":")[2]
    assert container()["image"].endswith(f":{tag}")
    assert read("kserve.yaml")["spec"]["predictor"]["model"]["runtimeVersion"] == tag
    grace = deployment["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > int(container()["lifecycle"]["preStop"]["exec"]["command"][1])


def compose_image() -> str:
    return read("compose.yaml")["services"]["serving"]["build"]["dockerfile_inline"]


# === The health check ===


@pytest.fixture
def server() -> Iterator[dict[str, str]]:
    """What answers like TensorFlow Serving's status, with a state that the test sets."""
    state = {"state": "AVAILABLE"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == f"/v1/models/{MODEL}"
            row = {"version": "1", "state": state["state"], "status": {"error_code": "OK"}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"model_version_status": [row]}, indent=1).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        state["port"] = str(one.server_port)
        yield state
        one.shutdown()


def test_it_is_healthy_once_a_version_is_available(server):
    kind, *words = read("compose.yaml")["services"]["serving"]["healthcheck"]["test"]
    assert kind == "CMD"
    words[-1] = words[-1].replace("8501", server["port"])

    def healthy() -> bool:
        return subprocess.run(words, timeout=10).returncode == 0

    assert healthy()
    server["state"] = "LOADING"
    assert not healthy()
    words[-1] = words[-1].replace(server["port"], "1")
    assert not healthy()
