"""KServe's published API as a JSON schema: its models, of its package, over Kubernetes' own definitions.

The package `kserve` has them as Python classes that are generated from KServe's OpenAPI document: each names its
fields, their types and their names in JSON. `make setup` installs it without what it depends on, so the files are
read, not imported.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from tests.published_schemas import FOLDER, kubernetes_validate

Schema = dict[str, Any]
PLAIN = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "object": {},
    "datetime": {"type": "string"},
}
# Kubernetes' types by the names that the generator gave them; V1X lies in one of two places.
CORE = ("io.k8s.api.core.v1", "io.k8s.apimachinery.pkg.apis.meta.v1")
KUBERNETES = {
    "ResourceQuantity": "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "K8sIoApiAppsV1DeploymentStrategy": "io.k8s.api.apps.v1.DeploymentStrategy",
    "K8sIoApiAutoscalingV2HorizontalPodAutoscalerBehavior": (
        "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior"
    ),
}
# What the package names and does not define.
ELSEWHERE = (
    "V1beta1MetricQuantity",
    "GithubComKedacoreKedaV2ApisKedaV1alpha1ScaleTriggers",
    "KnativeDevServingPkgApisServingV1TrafficTarget",
)


def of_kind(kind: str, group: str, version: str, kubernetes: str) -> Schema:
    """The schema of an object of KServe's, with Kubernetes' types in that version; a field more is an error.

    Raises:
        LookupError: a type that neither of them defines.
    """
    strict = f"kubernetes-json-schema/v{kubernetes}-local-strict/_definitions.json"
    found: Schema = dict(kubernetes_validate.utils.schema_contents(strict, kubernetes)["$defs"])
    models = _models()
    root = version[0].upper() + version[1:] + kind
    _define(root, models, found)
    object_of_kind = {
        "properties": {"apiVersion": {"const": f"{group}/{version}"}, "kind": {"const": kind}},
        "required": ["apiVersion", "kind", "metadata", "spec"],
    }
    return {"$defs": found, "allOf": [object_of_kind, {"$ref": f"#/$defs/{root}"}]}


def _models() -> dict[str, ast.ClassDef]:
    return {
        node.name: node
        for path in (FOLDER / "kserve" / "models").glob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    }


def _define(name: str, models: dict[str, ast.ClassDef], found: Schema) -> None:
    """Puts a model, and what it refers to, into `found`."""
    if name in found:
        return
    tables = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in models[name].body
        if isinstance(node, ast.Assign)
    }
    types, called = tables["openapi_types"], tables["attribute_map"]
    # The generator's words for a required field, in its setter.
    text = ast.unparse(models[name])
    required = re.findall(r"Invalid value for `(\w+)`, must not be `None`'", text)
    found[name] = {"type": "object", "additionalProperties": False}
    found[name]["required"] = sorted({called[field] for field in required if field in called})
    found[name]["properties"] = {
        called[field]: _type(kind, models, found) for field, kind in types.items()
    }


def _type(kind: str, models: dict[str, ast.ClassDef], found: Schema) -> Schema:
    if inner := re.fullmatch(r"list\[(.+)\]", kind):
        return {"type": "array", "items": _type(inner[1], models, found)}
    if inner := re.fullmatch(r"dict\(str, (.+)\)", kind):
        return {"type": "object", "additionalProperties": _type(inner[1], models, found)}
    if kind in PLAIN:
        return PLAIN[kind]
    if kind in models:
        _define(kind, models, found)
        return {"$ref": f"#/$defs/{kind}"}
    names = [f"{place}.{kind.removeprefix('V1')}" for place in CORE]
    for core in (KUBERNETES.get(kind), *names):
        if core in found:
            return {"$ref": f"#/$defs/{core}"}
    if kind in ELSEWHERE:
        return {}
    raise LookupError(f"{kind} is defined neither by KServe nor by Kubernetes")
