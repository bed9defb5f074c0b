"""Configurations of GLUE models: the rows of the paper's Table 2, and `tiny`."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from perceiver_keras import config as c
from perceiver_keras.data.text.glue import EIGHT
from perceiver_keras.tasks.presets import Preset

Readout = Literal["query", "shared_token", "task_tokens"]


@c.frozen()
class GlueData(c.DataConfig):
    """A mixture of tasks: each is drawn in proportion to its examples.

    `task_weights` multiplies the loss of a task, 1 where it is not named. A weight of 2 moves the weights as twice as
    many draws would; to give all tasks the same say, set each to the reciprocal of its number of examples, scaled so
    that the largest stays below ten or so, or the smallest set is learned by heart.
    """

    task_weights: dict[str, float] = field(default_factory=dict)
    sentencepiece: str | None = None  # the file of a SentencePiece model; None: bytes
    mismatched: bool = False  # whether MNLI's second set is there to be judged by


@c.frozen()
class GlueModelConfig(c.PerceiverConfig):
    """One model for some tasks (paper, section 4.1, Tab. 2).

    `readout` says how it knows what is asked: "query", a learned query a task; "shared_token", one learned token before
    the text, and only the heads differ; "task_tokens", a token a task. With a single task the first two are the
    paper's single-task query and BERT's [CLS].
    """

    tasks: tuple[str, ...] = EIGHT
    readout: Readout = "query"
    vocabulary: int = 262  # 256 bytes after 6 special ids
    length: int  # places of both sentences and what stands between them
    channels: int  # of the embeddings
    query_dim: int
    embedding_init_scale: float = 0.02


@c.frozen()
class GlueTaskConfig(c.TaskConfig):
    data: GlueData
    model: GlueModelConfig


# Stages as in `language_mlm --preset tiny`, so that its weights fit.
TINY = GlueTaskConfig(
    data=GlueData(dataset="perceiver_glue/standin", batch_size=32, shuffle_buffer=20_000),
    model=GlueModelConfig(
        length=64,
        channels=128,
        query_dim=128,
        embedding_init_scale=0.125,
        encode=c.EncodeConfig(
            num_latents=32, latent_dim=128, num_cross_attention_heads=8, qk_dim=128, v_dim=128
        ),
        process=c.ProcessConfig(num_self_attention_layers=2, num_self_attention_heads=8),
        decode=c.DecodeConfig(num_cross_attention_heads=8, qk_dim=128, v_dim=128),
    ),
    train=c.TrainConfig(
        steps=1000,
        learning_rate=1e-3,
        warmup_steps=100,
        optimizer="adamw",
        clip_norm=1.0,
        weight_decay=0.01,
        evaluate_every=500,
    ),
    evaluate=c.EvaluateConfig(thresholds={"glue_average": 0.42}, batch_size=256),
)

# Examples to train on (GLUE's own counts), for ten epochs.
TRAIN = {
    "cola": 8_551,
    "sst2": 67_349,
    "mrpc": 3_668,
    "stsb": 5_749,
    "qqp": 363_849,
    "mnli": 392_702,
    "qnli": 104_743,
    "rte": 2_490,
}


def _paper(tasks: tuple[str, ...], readout: Readout, batch_size: int) -> GlueTaskConfig:
    """The byte model with the recipe of App. F.4; batch size and rate are each one of the paper's search.

    The whole search, twelve trainings, in the pipeline: --set 'train.search={"data.batch_size": [16, 32, 64],
    "train.learning_rate": [1e-4, 5e-5, 2e-5, 1e-5]}'.
    """
    single = len(tasks) == 1
    return GlueTaskConfig(
        data=GlueData(
            dataset=f"perceiver_glue/glue_{tasks[0]}" if single else "perceiver_glue/glue",
            test_split="validation",  # the paper's figures are of the development sets
            batch_size=batch_size,
            mismatched="mnli" in tasks,
        ),
        model=GlueModelConfig(
            tasks=tasks,
            readout=readout,
            length=2048,
            channels=768,
            query_dim=768,
            encode=c.EncodeConfig(
                num_latents=256,
                latent_dim=1280,
                num_cross_attention_heads=8,
                qk_dim=256,
                v_dim=1280,
            ),
            process=c.ProcessConfig(
                num_self_attention_layers=26, num_self_attention_heads=8, qk_dim=256, v_dim=1280
            ),
            decode=c.DecodeConfig(num_cross_attention_heads=8, qk_dim=256, v_dim=768),
        ),
        train=c.TrainConfig(
            init="deepmind/language_mlm_bytes",
            steps=10 * sum(TRAIN[task] for task in tasks) // batch_size,
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
        config=_paper(("cola",), "query", 32),
        source="paper Tab. 2: single-task query, 81.0 on average; here for CoLA",
    ),
    "glue_single_token": Preset(
        config=_paper(("cola",), "shared_token", 32),
        source="paper, section 4.1: single task with BERT's [CLS]; here for CoLA",
    ),
}
