"""`perceiver compile TASK`: the pipeline as a file that Vertex AI or Kubeflow Pipelines runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from perceiver_keras.commands.shared import choose, options
from perceiver_keras.commands.shared.output import answer, say

EXAMPLES = """\b
Examples:
  perceiver compile image_classification --runner vertex --root gs://bucket/digits
      --image europe-docker.pkg.dev/my-project/perceiver/perceiver:1
      --project my-project --region europe-west4 -o pipeline.json
  perceiver compile image_classification --runner kubeflow --root minio://mlpipeline/digits
      --image registry.example/perceiver:1 --volume perceiver -o pipeline.yaml

\b
The image is made from deploy/Dockerfile. docs/clusters.md has the rest.
"""


@click.command("compile", epilog=EXAMPLES)
@options.task_argument
@options.config_options
@click.option(
    "--runner", type=click.Choice(["vertex", "kubeflow"]), required=True, help="For which engine."
)
@click.option(
    "--root",
    required=True,
    metavar="URI",
    help="Where the artifacts are, such as gs://bucket/folder.",
)
@click.option(
    "--image", required=True, metavar="NAME", help="The container image, as the cluster pulls it."
)
@click.option(
    "-o",
    "--output",
    type=options.LocalPath(),
    default=Path("pipeline.json"),
    show_default=True,
    help="The file to write.",
)
@click.option(
    "--shared",
    metavar="PLACE",
    help="Of all runs: pushed models, the accepted schema, verdicts; a URI or a folder of the volume.  [default: ROOT]",
)
@click.option(
    "--state",
    metavar="CONTAINER_PATH",
    help="For checkpoints, in the containers.  [default: the bucket as Vertex AI mounts it, or the volume]",
)
@click.option(
    "--volume", metavar="CLAIM", help="Kubeflow: the PersistentVolumeClaim for state and shared."
)
@click.option(
    "--mount",
    default="/shared",
    show_default=True,
    metavar="CONTAINER_PATH",
    help="Kubeflow: where the volume is mounted.",
)
@click.option("--project", metavar="ID", help="Vertex AI: the project of the training job.")
@click.option("--region", metavar="NAME", help="Vertex AI: where it runs, such as europe-west4.")
@click.option("--service-account", metavar="NAME", help="Vertex AI: as which it runs.")
@click.option(
    "--machine-type",
    default="n1-standard-8",
    show_default=True,
    metavar="NAME",
    help="Vertex AI: of each training worker.",
)
@click.option(
    "--accelerator", metavar="NAME", help="For training, such as NVIDIA_TESLA_T4 or nvidia.com/gpu."
)
@click.option(
    "--accelerators",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="How many each worker has.",
)
@click.option(
    "--workers",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Vertex AI: how many train together, with train.strategy=multi_worker.",
)
@click.option("--cpus", type=float, metavar="N", help="Of each container.")
@click.option("--memory-gb", type=float, metavar="N", help="Of each container.")
@click.option(
    "--retries",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="How often the engine starts a failed component again.",
)
@click.option(
    "--rebaseline",
    is_flag=True,
    help="Do not compare with the last blessed model; for intended changes of labels or inputs.",
)
@click.option("--no-cache", is_flag=True, help="Every run runs every component.")
@options.common_options
def command(
    task: str,
    preset: str,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    data: str | None,
    init: str | None,
    seed: int | None,
    output: Path,
    rebaseline: bool,
    no_cache: bool,
    **cluster: Any,
) -> None:
    """Write TASK's pipeline as a file for Vertex AI or Kubeflow Pipelines.

    Nothing runs; the data set is opened for the names of its classes.
    """
    from perceiver_keras.tasks import registry

    chosen = choose.choose(registry.get(task), preset, config_files, overrides, seed, data, init)
    choose.prepare(chosen)
    say("Starting TFX …")

    from perceiver_keras.files import write_whole
    from perceiver_keras.pipeline import compiled
    from perceiver_keras.pipeline.cluster import ClusterSettings
    from perceiver_keras.pipeline.settings import PipelineSettings

    settings = PipelineSettings.create(
        task,
        preset=preset,
        layers=chosen.layers,
        overrides=overrides,
        run_dir=".",  # of which only the names of folders are used
        seed=seed,
        rebaseline=rebaseline,
        cache=not no_cache,
    )
    where = ClusterSettings(**cluster)
    found = compiled.compiled(settings, where)
    output.parent.mkdir(parents=True, exist_ok=True)
    write_whole(output, compiled.text(found, where))
    spec = compiled.spec_of(found)
    tasks = sorted(spec.root.dag.tasks)
    say(f"{output}: pipeline {spec.pipeline_info.name}, {len(tasks)} components.")
    answer({"file": output, "pipeline": spec.pipeline_info.name, "components": tasks})
