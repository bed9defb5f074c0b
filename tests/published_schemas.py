"""The packages of `requirements-schemas.lock`, which `make setup` puts into a folder of their own.

`kubernetes_validate` is found here alone: with it on the path TFX's import would take two seconds more. KServe's files
are only read.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

FOLDER = Path(sys.prefix, "schemas")

sys.path.append(str(FOLDER))
try:
    kubernetes_validate = import_module("kubernetes_validate")
finally:
    sys.path.remove(str(FOLDER))

# All versions of Kubernetes that it has, from the oldest on in which everything here is stable.
KUBERNETES_VERSIONS = [
    version
    for version in kubernetes_validate.utils.all_versions()
    if tuple(map(int, version.split(".")[:2])) >= (1, 31)
]
