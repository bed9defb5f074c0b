"""The pipeline for TFX's own command line on Vertex AI; `perceiver compile --runner vertex` does the same in one step.

    tfx pipeline create --engine=vertex --pipeline_path=pipeline/vertex_runner.py
    tfx run create --engine=vertex --pipeline_name=image-classification --project=P --region=R

In an activated environment, because it asks `pip`. The settings come from variables: PERCEIVER_TASK, PERCEIVER_PRESET
and PERCEIVER_SET (overrides, separated by spaces) as for `local_runner.py`; PERCEIVER_ROOT, PERCEIVER_IMAGE,
PERCEIVER_PROJECT and PERCEIVER_REGION, which must be set; and PERCEIVER_SERVICE_ACCOUNT, PERCEIVER_MACHINE_TYPE and
PERCEIVER_ACCELERATOR.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

if __name__ == "__main__":
    # Run by path, Python searches this folder first, where `settings` or `code` is one of our files.
    above = Path(__file__).resolve().parents
    sys.path[0] = str(next(path for path in above if (path / "perceiver_keras").is_dir()))

from perceiver_keras.errors import PerceiverError, UsageError
from perceiver_keras.pipeline.cluster import VERTEX, ClusterPlaces, ClusterSettings, check
from perceiver_keras.pipeline.compiled import ClusterDagRunner
from perceiver_keras.pipeline.pipeline import create_pipeline
from perceiver_keras.pipeline.settings import PipelineSettings

NEEDED = ("root", "image", "project", "region")
OPTIONAL = ("service_account", "machine_type", "accelerator")


def from_environment(
    environment: Mapping[str, str] = os.environ,
) -> tuple[PipelineSettings, ClusterSettings]:
    """What to compile, and for where.

    Raises:
      UsageError: a variable that must be set is not.
    """
    for name in NEEDED:
        if not environment.get(f"PERCEIVER_{name.upper()}"):
            raise UsageError(
                f"PERCEIVER_{name.upper()} is not set; it is --{name} of perceiver compile."
            )
    given = {
        name: environment[key]
        for name in (*NEEDED, *OPTIONAL)
        if environment.get(key := f"PERCEIVER_{name.upper()}")
    }
    settings = PipelineSettings.create(
        environment.get("PERCEIVER_TASK", "image_classification"),
        preset=environment.get("PERCEIVER_PRESET", "tiny"),
        overrides=tuple(environment.get("PERCEIVER_SET", "").split()),
        run_dir=".",
    )
    return settings, ClusterSettings(runner=VERTEX, **given)


def main() -> int:
    """Writes pipeline.json into this folder, or where `tfx pipeline` wants it."""
    try:
        settings, cluster = from_environment()
        check(cluster, settings)
        pipeline = create_pipeline(settings, ClusterPlaces(settings, cluster))
        ClusterDagRunner(cluster).run(pipeline)
    except PerceiverError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    if code := main():
        sys.exit(code)  # `tfx pipeline` runs this file in its own process
