"""Configurations of GLUE models: the rows of the paper's Table 2, and `tiny`."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from perceiver_keras import config as c
from perceiver_keras.data.text.glue import EIGHT
from perceiver_keras.tasks.shared import text_sizes
from perceiver_keras.tasks.task import Preset

Readout = Literal["query", "shared_token", "task_tokens"]


@c.frozen()
class GlueData(c.DataConfig):
    """A mixture of tasks, each drawn in proportion to its number of examples.

    `task_weights` are factors of the tasks' losses, 1 for tasks that are not named. A factor of 2 has the effect of
    twice as many draws. To weight all tasks equally use 1 / num_examples, scaled so that no factor exceeds about 10;
    larger ones overfit the smallest set.
    """

    # Task -> factor of its loss; 1 for tasks that are not named
    task_weights: dict[str, float] = field(default_factory=dict)
    sentencepiece: str | None = None  # the file of a SentencePiece model; null: bytes
    mismatched: bool = False  # whether the data has MNLI's second set, to evaluate on


@c.frozen()
class GlueModelConfig(c.PerceiverConfig):
    """One model for one or more tasks (paper, section 4.1, Tab. 2).

    `readout` is how the model is told the task: "query", one learned query per task; "task_tokens", one learned token
    per task, before the text; "shared_token", the same learned token for all tasks, so only the heads differ. With a
    single task, "query" is the paper's single-task query and "shared_token" is BERT's [CLS].
    """

    tasks: tuple[str, ...] = EIGHT  # names of the tasks that the model answers
    readout: Readout = "query"  # how the model is told the task
    vocabulary: int = 262  # size of it; of bytes, 256 after 6 special ids [ids]
    length: int  # longest input: both sentences with the separator [tokens]
    channels: int  # numbers per embedded byte or token [channels]
    query_dim: int  # Q, numbers per query [channels]
    embedding_init_scale: float = 0.02  # standard deviation of embeddings before training [1]


@c.frozen()
class GlueTaskConfig(c.TaskConfig):
    data: GlueData
    model: GlueModelConfig


TINY = GlueTaskConfig(
    data=GlueData(dataset="perceiver_glue/standin", batch_size=32, shuffle_buffer=20_000),
    model=GlueModelConfig(**text_sizes.TINY),
    train=c.TrainConfig(
        steps=1500,
        learning_rate=1e-3,
        warmup_steps=100,
        optimizer="adamw",
        clip_norm=1.0,
        weight_decay=0.01,
        evaluate_every=500,
    ),
    evaluate=c.EvaluateConfig(thresholds={"glue_average": 0.42}, batch_size=256),
)

JUDGED = "validation"  # the paper reports the development sets; only GLUE's server knows the rest
BATCH = 32  # of one task, from the paper's search

# GLUE itself, as `perceiver_glue` stores it, and the tasks that train on it.
REAL = {
    "perceiver_glue/glue": EIGHT,
    "perceiver_glue/glue_wnli_ax": (*EIGHT, "wnli"),
    **{f"perceiver_glue/glue_{task}": (task,) for task in EIGHT},
}

# Training examples (GLUE's own counts), to compute the steps of ten epochs.
TRAIN = {
    "cola": 8_551,
    "sst2": 67_349,
    "mrpc": 3_668,
    "stsb": 5_749,
    "qqp": 363_849,
    "mnli": 392_702,
    "qnli": 104_743,
    "rte": 2_490,
    "wnli": 635,
}


def ten_epochs(tasks: tuple[str, ...], batch_size: int) -> int:
    """The steps in which every example is seen ten times, as in App. F.4."""
    return 10 * sum(TRAIN[task] for task in tasks) // batch_size


def settings_of(config: GlueTaskConfig) -> dict[str, Any]:
    """What GLUE's own data determine, as a partial tree: the split to judge on, MNLI's second set, and the length.

    `tiny` is not as long as the paper's runs, on any data.
    """
    tasks = REAL.get(config.data.dataset.partition(":")[0])
    if tasks is None:
        return {}
    tree: dict[str, Any] = {"data": {"test_split": JUDGED, "mismatched": "mnli" in tasks}}
    if config.train.steps != TINY.train.steps:
        batch_size = config.data.batch_size
        tree["train"] = {"steps": ten_epochs(tasks, BATCH if batch_size == "auto" else batch_size)}
    return tree


def _paper(tasks: tuple[str, ...], readout: Readout, batch_size: int) -> GlueTaskConfig:
    """The byte model with the recipe of App. F.4; batch size and learning rate are one point of the paper's search.

    For the whole search of twelve runs, start the pipeline with --set 'train.search={"data.batch_size": [16, 32, 64],
    "train.learning_rate": [1e-4, 5e-5, 2e-5, 1e-5]}'.
    """
    single = len(tasks) == 1
    return GlueTaskConfig(
        data=GlueData(
            dataset=f"perceiver_glue/glue_{tasks[0]}" if single else "perceiver_glue/glue",
            test_split=JUDGED,
            batch_size=batch_size,
            mismatched="mnli" in tasks,
        ),
        model=GlueModelConfig(
            tasks=tasks,
            readout=readout,
            **text_sizes.paper(),
        ),
        train=c.TrainConfig(
            init="deepmind/language_mlm_bytes",
            steps=ten_epochs(tasks, batch_size),
            learning_rate=5e-5,
            warmup_steps=200,
            weight_decay=0.01,
            precision="mixed_bfloat16",
            checkpoint_every=1000,
            evaluate_every=1000,
        ),
        evaluate=c.EvaluateConfig(thresholds={"glue_average": 0.4}),
    )


PRESETS = {
    "tiny": Preset(config=TINY, source="ours: eight small tasks from Python's documentation"),
    "glue_multitask_query": Preset(
        config=_paper(EIGHT, "query", 64), source="paper Tab. 2: multi-task query, 81.8"
    ),
    "glue_task_tokens": Preset(
        config=_paper(EIGHT, "task_tokens", 64),
        source="paper Tab. 2: task-specific input tokens, 81.8",
    ),
    "glue_shared_token": Preset(
        config=_paper(EIGHT, "shared_token", 64), source="paper Tab. 2: shared input token, 81.5"
    ),
    "glue_single_query": Preset(
        config=_paper(("cola",), "query", BATCH),
        source="paper Tab. 2: single-task query, 81.0 on average; here for CoLA",
    ),
    "glue_single_token": Preset(
        config=_paper(("cola",), "shared_token", BATCH),
        source="paper, section 4.1: single task with BERT's [CLS]; here for CoLA",
    ),
}
