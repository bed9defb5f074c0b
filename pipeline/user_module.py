"""The functions that TFX calls by module path: they read JSON, find the task, and call the library.

TFX passes only JSON. `custom_config` has `task`, `preset`, `config` (a whole TaskConfig) and, for the
Trainer, `labels`, `state_dir`, `code`, the files of raw examples (`components/trainer.py`), and `vocabulary_dir` if a
vocabulary is learned from the data.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import tensorflow as tf

from perceiver_keras.components.model.transform_graph import (
    TransformGraph,
    count_words,
    learned_vocabulary,
)
from perceiver_keras.components.trainer import RAW_FILES
from perceiver_keras.config import STARTS_FIRST, TaskConfig
from perceiver_keras.config_tree import from_dict
from perceiver_keras.data.store.records import file_records, take
from perceiver_keras.export import export_saved_model
from perceiver_keras.pipeline import many_workers
from perceiver_keras.pipeline.search import GridSearch, best_of
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TrainingData, eval_batches
from perceiver_keras.tasks.model import load
from perceiver_keras.tasks.task import Task
from perceiver_keras.train import Trained, fit
from perceiver_keras.training.workers import Workers, join

# TF Serving replays requests with 1 and with this many examples for each signature before a version goes live.
WARMUP_EXAMPLES = 8


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, Any]:
    """Transform's part of the data path, whose graph is also used in serving, and the words for a vocabulary.

    SchemaGen marks a feature as sparse if some example lacks it; here it is as the task's own spec says.
    """
    task, config = _task(custom_config)
    spec = task.examples.spec(config)
    dense = {
        name: _densify(inputs[name], feature) for name, feature in spec.items() if name in inputs
    }
    words = task.examples.vocabulary.words(dense, config)
    if words is not None:
        count_words(words)
    return task.examples.transform(dense, config)


def run_fn(fn_args: Any) -> None:
    """Trains on Transform's output, and exports: `Format-Serving` for TF Serving, `preset` for `pk.load`."""
    custom = fn_args.custom_config
    task, config = _task(custom)
    config = best_of(config, fn_args.hyperparameters)
    if many_workers.starts_them(config.train):
        many_workers.run_apart(fn_args)
        return
    with contextlib.ExitStack() as stack:
        first = config.train.strategy in STARTS_FIRST
        workers = stack.enter_context(join(config.train)) if first else None
        config = _learned(task, config, fn_args)
        trained = _train(task, config, fn_args, custom["state_dir"], fn_args.model_run_dir, workers)
        if workers is None or workers.is_chief:
            _export(task, config, fn_args, trained.model)


def _export(task: Task, config: TaskConfig, fn_args: Any, model: Any) -> None:
    custom, model_dir = fn_args.custom_config, Path(fn_args.serving_model_dir)
    labels, preset = custom["labels"], model_dir.parent / "preset"
    model.save_to_preset(preset, task_config=config, preset=custom["preset"], labels=labels)
    if config.train.strategy == "multi_worker":
        model = load(preset)  # whose weights are those of one process
    export_saved_model(
        task,
        config,
        model,
        str(model_dir),
        labels=labels,
        preset=custom["preset"],
        transform=TransformGraph(fn_args.transform_graph_path),
        warmup=take(file_records(custom.get(RAW_FILES) or fn_args.eval_files), WARMUP_EXAMPLES),
    )


def tuner_fn(fn_args: Any) -> Any:
    """The search over `train.search`, for TFX's Tuner."""
    from tfx.components.tuner.component import TunerFnResult

    custom = fn_args.custom_config
    task, config = _task(custom)

    def train(trial: TaskConfig, folder: str) -> Trained:
        return _train(task, _learned(task, trial, fn_args), fn_args, folder, None)

    tuner = GridSearch(task, config, train, Path(custom["state_dir"]) / "search")
    return TunerFnResult(tuner=tuner, fit_kwargs={})


def _learned(task: Task, config: TaskConfig, fn_args: Any) -> TaskConfig:
    """The configuration with a vocabulary of the words that Transform counted, trained once per run folder."""
    custom = fn_args.custom_config
    folder = custom.get("vocabulary_dir") or custom["state_dir"]
    return learned_vocabulary(task, config, fn_args.transform_graph_path, folder)


def _train(
    task: Task,
    config: TaskConfig,
    fn_args: Any,
    state_dir: str,
    log_dir: str | None,
    workers: Workers | None = None,
) -> Trained:
    """Trains on Transform's output, from the newest checkpoint in `state_dir` if there is one."""
    training = TrainingData(task, config, file_records(fn_args.train_files))
    validation = eval_batches(task, config, file_records(fn_args.eval_files))
    quiet = workers is not None and not workers.is_chief
    with Progress(total=config.train.steps, label=f"{task.name}", quiet=quiet) as progress:
        return fit(
            task,
            config,
            training,
            validation,
            state_dir=state_dir,
            log_dir=log_dir,
            progress=progress,
            labels=fn_args.custom_config["labels"],
            workers=workers,
        )


def _task(custom_config: dict[str, Any]) -> tuple[Task, TaskConfig]:
    task = registry.get(custom_config["task"])
    return task, from_dict(task.config_class, custom_config["config"])


def _densify(value: Any, feature: tf.io.FixedLenFeature) -> tf.Tensor:
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(value)
    return tf.reshape(value, [-1, *feature.shape])
