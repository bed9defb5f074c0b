"""The same pipeline on Beam in this process and on another engine: are examples, their order and figures the same?

    make engine-check                                    several processes, and Beam's own job server, started here
    make engine-check ENDPOINT=localhost:8099            any job server: of Flink, of Spark, of Beam
    make engine-check RUNNER=FlinkRunner ARGS="--beam-arg flink_master=localhost:8081 --work-dir /shared/check"

It prepares the digits in several shards, runs the components from TfdsExampleGen to Evaluator once per engine, and
compares: the bytes and the order of every split's examples, raw and transformed, the statistics, the counts of leaks,
the schema, and all metrics of the trained model. Prints one line per comparison; exits with 1 if any differs.

The workers must see the work folder under the same path, and have the same versions as this process. docs/scaling.md
has settings for each engine.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
TASK = "image_classification"
SETTINGS = (
    *("model.encode.num_latents=8", "model.encode.latent_dim=16", "train.steps=40"),
    *("model.process.num_self_attention_layers=1", "train.warmup_steps=5"),
    *("train.evaluate_every=1000", "train.deterministic=true", "evaluate.thresholds.accuracy=0.1"),
)
# What does not run on Beam, behind the Evaluator; and what is left out by --data-only.
AFTER = ("ServingValidator", "Gate", "AtomicPusher", "ReportGen")
MODEL = ("TrivialGuess", "Trainer", "baseline", "Evaluator")
SPLITS = ("train", "validation", "test")
# Sums of float32 depend on the order in which an engine adds them.
TOLERANCE = 1e-6
Found = dict[str, Any]


def prepare(folder: Path, shards: int) -> str:
    """The digits, each split in so many files; returns TFDS's folder."""
    import tensorflow_datasets as tfds

    from perceiver_keras.data.store import source

    tfds.disable_progress_bar()

    source.open_builder("perceiver_digits", str(folder / "one"))  # registers it
    config = tfds.download.DownloadConfig(num_shards=shards)
    builder = tfds.builder("perceiver_digits", data_dir=str(folder / "several"))
    builder.download_and_prepare(download_config=config, file_format="tfrecord")
    return str(folder / "several")


def run(folder: Path, data_dir: str, beam_args: Sequence[str], left_out: Sequence[str]) -> Found:
    """Runs the components on one engine in a folder of its own, and reads what is compared."""
    from tfx.dsl.compiler import compiler

    from perceiver_keras.pipeline.dag_runner import ResumableDagRunner
    from perceiver_keras.pipeline.pipeline import create_pipeline
    from perceiver_keras.pipeline.run_folder import logs_to
    from perceiver_keras.pipeline.settings import PipelineSettings

    folder.mkdir(parents=True)
    settings = PipelineSettings.create(
        TASK,
        overrides=(*SETTINGS, f"data.data_dir={data_dir}"),
        run_dir=folder,
        beam_args=tuple(beam_args),
    )
    graph = compiler.Compiler().compile(create_pipeline(settings))
    kept = [one for one in graph.nodes if one.pipeline_node.node_info.id not in left_out]
    del graph.nodes[:]
    graph.nodes.extend(kept)
    runner = ResumableDagRunner("check", lambda line: print(f"  {line}", file=sys.stderr))
    with logs_to(folder / "run.log"):
        runner.run_with_ir(graph)
    return read(
        {
            component: {name: items[0].uri for name, items in outputs.items() if items}
            for component, outputs in runner.outputs.items()
        }
    )


def read(uris: Mapping[str, Mapping[str, str]]) -> Found:
    """{what: its value} of a run's artifacts; component -> output -> folder."""
    found: Found = {}
    for title, component, output in (
        ("examples", "TfdsExampleGen", "examples"),
        ("descriptions", "Describe", "described"),
        ("fingerprints", "Describe", "fingerprints"),
        ("transformed examples", "Transform", "transformed_examples"),
    ):
        for split in SPLITS:
            files = sorted(Path(uris[component][output], f"Split-{split}").glob("*"))
            if files:
                found[f"{title} of {split}"] = records(files)
    for split in SPLITS:
        folder = Path(uris["StatisticsGen"]["statistics"], f"Split-{split}")
        found[f"statistics of {split}"] = statistics(folder)
    found["schema"] = Path(uris["SchemaGen"]["schema"], "schema.pbtxt").read_text()
    leaks = json.loads(Path(uris["LeakDetector"]["leaks"], "leaks.json").read_text())
    found["leaks"] = leaks["pairs"]
    if "Evaluator" in uris:
        found["evaluation"] = evaluation(Path(uris["Evaluator"]["evaluation"]))
    return found


def records(files: Sequence[Path]) -> list[bytes]:
    """All records in the order in which training reads them."""
    import tensorflow as tf

    names = [str(path) for path in files]
    return list(tf.data.TFRecordDataset(names, "GZIP").as_numpy_iterator())


def statistics(folder: Path) -> Any:
    """As a tree; without the histograms of quantiles, which are sketches."""
    from google.protobuf import json_format
    from tensorflow_metadata.proto.v0 import statistics_pb2

    (file,) = folder.glob("*")
    read = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
    found = json_format.MessageToDict(read)
    for dataset in found["datasets"]:
        dataset["features"].sort(key=lambda feature: json.dumps(feature["path"]))
        for feature in dataset["features"]:
            for numbers in feature.values():
                if isinstance(numbers, dict):
                    numbers.pop("histograms", None)
                    numbers.get("commonStats", {}).pop("numValuesHistogram", None)
    return found


def evaluation(folder: Path) -> Any:
    """Every metric, with its interval, on all examples and per slice."""
    from perceiver_keras.components.model.evaluation import evaluated

    return json.loads(json.dumps(dataclasses.asdict(evaluated(str(folder)))))


def differences(one: Any, other: Any, where: str = "", slack: float = 1e-9) -> list[str]:
    """Where two trees of values differ; numbers may by `TOLERANCE`, in relation to the larger, or by `slack`.

    The error of a metric and the ends of its interval may by `TOLERANCE` in relation to the metric: they come from
    small differences of sums, whose rounding they enlarge.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        if isinstance(value := one.get("value"), float) and math.isfinite(value):
            slack = max(slack, TOLERANCE * abs(value))
        return [
            told
            for key in sorted({*one, *other})
            for told in differences(
                one.get(key), other.get(key), f"{where}.{key}".strip("."), slack
            )
        ]
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return [f"{where}: {len(one):,} and {len(other):,}"]
        pairs = enumerate(zip(one, other, strict=True))
        return [told for i, both in pairs for told in differences(*both, f"{where}[{i}]", slack)]
    numbers = all(type(value) in (int, float) for value in (one, other))
    if one == other or (numbers and math.isnan(one) and math.isnan(other)):
        return []
    if numbers and math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=slack):
        return []
    return [f"{where}: {str(one)[:40]} and {str(other)[:40]}"]


def compare(reference: Found, other: Found) -> dict[str, str]:
    """{what: "" if it is the same, or how it differs}."""
    told = {}
    for name in sorted({*reference, *other}):
        one, two = reference.get(name), other.get(name)
        if one is None or two is None:
            told[name] = "missing"
        elif one and isinstance(one, list) and isinstance(one[0], bytes):
            how = "in another order" if sorted(one) == sorted(two) else "not the same"
            told[name] = "" if one == two else f"{len(one):,} and {len(two):,} records, {how}"
        else:
            told[name] = "; ".join(differences(one, two)[:3])
    return told


# === Engines ===


def arguments(
    runner: str, endpoint: str | None, environment: str, more: Sequence[str]
) -> list[str]:
    """Beam's arguments for an engine; `environment` is where a portable one has the work done."""
    if runner == "DataflowRunner":
        raise SystemExit(
            "DataflowRunner's workers see no folder of this machine, and the check compares files in one: it can't be "
            "checked so. docs/scaling.md has its settings."
        )
    found = [f"--runner={runner}"]
    if endpoint:
        found.append(f"--job_endpoint={endpoint}")
    if runner != "DirectRunner":
        found.append(f"--environment_type={environment}")
    return [*found, *(f"--{one.lstrip('-')}" for one in more)]


@contextlib.contextmanager
def own_server(folder: Path) -> Iterator[str]:
    """Beam's own portable job server, in Python; gives HOST:PORT."""
    with socket.socket() as one:
        one.bind(("localhost", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main"]
    with open(folder / "job_server.log", "w") as log:
        server = subprocess.Popen([*command, "--port", str(port)], stdout=log, stderr=log, cwd=ROOT)
        try:
            until = time.monotonic() + 60
            while True:
                with contextlib.suppress(OSError):
                    socket.create_connection(("localhost", port), 1).close()
                    break
                if server.poll() is not None or time.monotonic() > until:
                    raise SystemExit(
                        f"Beam's job server did not start; see {folder / 'job_server.log'}."
                    )
                time.sleep(0.2)
            yield f"localhost:{port}"
        finally:
            server.terminate()
            server.wait()


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    option = parser.add_argument
    option("--endpoint", metavar="HOST:PORT", help="a job server; none: Beam's own")
    option("--runner", metavar="NAME", help="PortableRunner, FlinkRunner, SparkRunner, …")
    option("--environment", default="LOOPBACK", help="LOOPBACK, EXTERNAL, DOCKER, PROCESS")
    option("--beam-arg", dest="more", action="append", default=[], metavar="KEY=VALUE")
    option("--work-dir", type=Path, help="a folder that the workers see, too")
    option("--data-only", action="store_true", help="train and evaluate no model")
    option("--shards", type=int, default=5, help="files per split (5)")
    given = parser.parse_args(words)
    from perceiver_keras.cli import quiet_imports

    quiet_imports(debug=False)
    with contextlib.ExitStack() as stack:
        above = given.work_dir and Path(given.work_dir).absolute()
        if above:
            above.mkdir(parents=True, exist_ok=True)
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="engine_check_", dir=above))
        )
        engines: dict[str, list[str]] = {}
        if given.endpoint or given.runner:
            runner = given.runner or "PortableRunner"
            engines[runner] = arguments(runner, given.endpoint, given.environment, given.more)
        else:
            several = ["direct_running_mode=multi_processing", "direct_num_workers=2"]
            engines["two processes"] = arguments("DirectRunner", None, "", several)
            endpoint = stack.enter_context(own_server(folder))
            portable = arguments("PortableRunner", endpoint, given.environment, given.more)
            engines["Beam's job server"] = portable
        data = prepare(folder / "data", given.shards)
        print("in this process", file=sys.stderr)
        left_out = (*AFTER, *(MODEL if given.data_only else ()))
        reference = run(folder / "reference", data, (), left_out)
        differ = 0
        for number, (name, beam_args) in enumerate(engines.items()):
            print(f"{name}: {' '.join(beam_args)}", file=sys.stderr)
            started = time.monotonic()
            told = compare(reference, run(folder / f"engine{number}", data, beam_args, left_out))
            for what, how in told.items():
                print(f"{name:<20} {what:<32} {how or 'the same'}")
            differ += sum(bool(how) for how in told.values())
            print(f"{name:<20} {len(told)} comparisons, {time.monotonic() - started:.0f} s")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
