"""A run folder with pushed versions: the metadata that TFX writes, and small files where a run has large ones."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb

CONFIG = {
    "data": {"dataset": "perceiver_digits"},
    "train": {"steps": 10, "seed": 3, "init": None, "learning_rate": 0.01},
    "evaluate": {"thresholds": {"accuracy": 0.5}},
}


@dataclass
class Runs:
    """Makes a run folder; `push` adds a run with one version, `refuse` one whose model the gate refused.

    Attributes:
      folder: The run folder.
      models: Version -> the id of its Model.
    """

    folder: Path
    task: str = "image_classification"
    models: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        where = pb.ConnectionConfig()
        where.sqlite.filename_uri = str(self.folder / "metadata.sqlite")
        where.sqlite.connection_mode = 3
        self.store = MetadataStore(where)
        self._runs = 0
        self.examples: int | None = None
        self.write_record()

    def write_record(self, **values: Any) -> None:
        record = {"task": self.task, "preset": "tiny", "seed": 3, "blessed": True, "metrics": {}}
        (self.folder / "run.json").write_text(json.dumps(record | {"pushed_model": None} | values))

    def push(self, version: int, forgotten: bool = False, **changes: Any) -> int:
        """A run that pushes a version; returns the id of its Model. `changes` as in `_judged`.

        If `forgotten`, it was killed as soon as the version was there.
        """
        ids = self._judged(**changes)
        folder = self.folder / "pushed" / str(version)
        _saved_model(folder, str(ids["model"]))
        told = {"version": str(version), "run": self._run.name}
        (folder / "assets.extra" / "push.json").write_text(json.dumps(told))
        self.models[version] = ids["model"]
        self._execution(
            "AtomicPusher",
            {
                "model": ids["model"],
                "model_blessing": ids["blessing"],
                "infra_blessing": ids["infra"],
            },
            {}
            if forgotten
            else {
                "pushed_model": (
                    "PushedModel",
                    {
                        "pushed": 1,
                        "pushed_destination": str(folder),
                        "pushed_version": str(version),
                    },
                )
            },
            state=pb.Execution.RUNNING if forgotten else pb.Execution.COMPLETE,
        )
        if forgotten:
            return ids["model"]
        kept = self.folder / "blessed" / str(version)
        _preset(kept, str(ids["model"]))
        self.write_record(pushed_model=str(folder), model=str(kept))
        return ids["model"]

    def refuse(self, **changes: Any) -> int:
        """A run whose model was not pushed; returns the id of the Model."""
        return self._judged(blessed=0, **changes)["model"]

    def _judged(
        self,
        *,
        config: dict | None = None,
        verdict: dict | None = None,
        baseline: int | None = None,
        blessed: int = 1,
        model: int | None = None,
        notes: dict | None = None,
    ) -> dict[str, int]:
        """Data, training and gate.

        Args:
          config: The settings.
          verdict: Gate's verdict.json; None: as in runs older than Gate.
          baseline: The id of the Model that this one was compared with.
          model: The id of an older Model, which the Trainer took from the cache.
          notes: What the run wrote about itself.
        """
        self._runs += 1
        self._run = self._context("pipeline_run", f"run{self._runs}")
        if notes is not None:
            text = json.dumps(notes | {"pipeline": self.task})
            self._run.custom_properties["perceiver_notes"].string_value = text
            self.store.put_contexts([self._run])
        if self.examples is None:
            found = self._execution(
                "TfdsExampleGen",
                {},
                {
                    "examples": (
                        "Examples",
                        {
                            "fingerprint": "f00d" * 16,
                            "num_examples_test": 100,
                            "num_examples_train": 800,
                            "num_examples_validation": 90,
                        },
                    )
                },
                dataset="perceiver_digits",
                splits=json.dumps({"train": "train", "validation": "validation", "test": "test"}),
            )
            self.examples = found["examples"]
        if model is None:
            custom = {"config": config or CONFIG, "code": "c0de", "init": None, "preset": "tiny"}
            model = self._execution(
                "Trainer",
                {"examples": self.examples},
                {"model": ("Model", {"tfx_version": "1.15.1"})},
                custom_config=json.dumps(custom | {"task": self.task, "labels": ["a", "b"]}),
            )["model"]
            folder = self._folder(model)
            _saved_model(folder / "Format-Serving", str(model))
            _preset(folder / "preset", str(model))
        infra = self._execution(
            "ServingValidator", {"model": model}, {"blessing": ("InfraBlessing", {"blessed": 1})}
        )["blessing"]
        (self._folder(infra) / "verdict.json").write_text('{"cause": null, "load_seconds": 2.5}')
        told = {"blessed": blessed, "current_model_id": model, "component_id": "Gate"}
        if baseline is not None:
            told |= {"baseline_model_id": baseline, "baseline_model": str(self._folder(baseline))}
        blessing = self._execution(
            "Gate" if verdict else "Evaluator",
            {"model": model, "examples": self.examples, "baseline_model": baseline},
            {"blessing": ("ModelBlessing", told)},
        )["blessing"]
        if verdict:
            (self._folder(blessing) / "verdict.json").write_text(json.dumps(verdict))
        return {"model": model, "infra": infra, "blessing": blessing}

    def _folder(self, artifact: int) -> Path:
        return Path(self.store.get_artifacts_by_id([artifact])[0].uri)

    def _context(self, kind: str, name: str) -> pb.Context:
        found = self.store.get_context_by_type_and_name(kind, name)
        if found is None:
            number = self.store.put_context_type(pb.ContextType(name=kind))
            found = pb.Context(type_id=number, name=name)
            (found.id,) = self.store.put_contexts([found])
        return found

    def _execution(
        self,
        component: str,
        inputs: dict,
        outputs: dict,
        state: int = pb.Execution.COMPLETE,
        **properties: str,
    ) -> dict[str, int]:
        """One execution as TFX records it, finished if nothing else is said; returns {output: id}."""
        kind = self.store.put_execution_type(pb.ExecutionType(name=f"tfx.components.{component}"))
        execution = pb.Execution(type_id=kind, last_known_state=state)
        for name, value in properties.items():
            execution.custom_properties[name].string_value = value
        (execution.id,) = self.store.put_executions([execution])
        ends = []
        for name, number in inputs.items():
            if number is not None:
                (artifact,) = self.store.get_artifacts_by_id([number])
                ends.append((artifact, _event(name, pb.Event.INPUT)))
        for name, (artifact_kind, values) in outputs.items():
            folder = self.folder / "artifacts" / component / name / str(execution.id)
            folder.mkdir(parents=True)
            number = self.store.put_artifact_type(pb.ArtifactType(name=artifact_kind))
            artifact = pb.Artifact(type_id=number, uri=str(folder), state=pb.Artifact.LIVE)
            for key, value in values.items():
                kind_of = "int_value" if isinstance(value, int) else "string_value"
                setattr(artifact.custom_properties[key], kind_of, value)
            ends.append((artifact, _event(name, pb.Event.OUTPUT)))
        contexts = [
            self._context("pipeline", self.task),
            self._run,
            self._context("node", f"{self.task}.{component}"),
        ]
        _, ids, _ = self.store.put_execution(execution, ends, contexts, force_reuse_context=True)
        return dict(zip(outputs, ids[len(ids) - len(outputs) :], strict=True))


def _event(name: str, kind: Any) -> pb.Event:
    event = pb.Event(type=kind)
    event.path.steps.add().key = name
    return event


def _saved_model(folder: Path, content: str) -> None:
    (folder / "variables").mkdir(parents=True)
    (folder / "assets.extra").mkdir()
    (folder / "saved_model.pb").write_text(content)
    (folder / "assets.extra" / "task.json").write_text("{}")
    (folder / "variables" / "variables.index").write_text("index")
    (folder / "variables" / "variables.data-00000-of-00001").write_text(content)


def _preset(folder: Path, content: str) -> None:
    os.makedirs(folder)
    about = {"task": "image_classification", "preset": "tiny", "labels": ["a", "b"]}
    (folder / "task.json").write_text(json.dumps(about))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["kernel"] = [[1.0, 2.0], [3.0, float(content)]]
        file["bias"] = [1.0, 2.0, 3.0]


def estimate(value: float, error: float) -> dict[str, Any]:
    """An Estimate as JSON."""
    return {
        "value": value, "low": value - 2.093 * error, "high": value + 2.093 * error,
        "error": error, "freedom": 19,
    }  # fmt: skip


def verdict(accuracy: float, *, last: float | None = None, difference: dict | None = None) -> dict:
    """Gate's verdict.json: 100 examples, a slice that is worse, and two checks."""
    sevens = {"accuracy": estimate(accuracy - 0.2, 0.1)}
    return {
        "blessed": True,
        "confidence": 0.95,
        "trivial": {"accuracy": 0.1},
        "checks": [
            {"name": "threshold accuracy", "passed": True, "text": "accuracy is good enough."},
            {"name": "test split", "passed": None, "text": "100 examples are few."},
        ],
        "smallest_difference": {"accuracy": 0.05},
        "serving": {"cause": None},
        "evaluated": {
            "examples": 100,
            "slice": "",
            "metrics": {"accuracy": estimate(accuracy, 0.02)},
            "baseline": None if last is None else {"accuracy": estimate(last, 0.02)},
            "difference": difference and {"accuracy": difference},
            "slices": [{"slice": "label=7", "examples": 10, "metrics": sevens, "slices": []}],
        },
    }
