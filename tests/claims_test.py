"""The table of claims: complete, its rows measurable, its numbers those of the paper's tables."""

from __future__ import annotations

import re
import shlex

import pytest

from perceiver_keras import claims
from perceiver_keras.config_tree import override
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import registry
from perceiver_keras.training import fine_tuning

TABLE = claims.benchmarks()
MEASURABLE = [name for name, row in TABLE.items() if not row.quoted]
# Rows of each table of the paper, counted there; a row of three data sets stands three times.
ROWS = {
    "1": 6,
    "2": 4,
    "3": 2 + 3,
    "4": 3,
    "7": 15,
    "9": 2,
    "10": 4,
    "14": 9 + 8,
    "15": 3,
    "16": 7 * 3,
}


def tables(row: claims.Benchmark) -> set[str]:
    """The numbers in "Tab. 1, 2 and 14"."""
    found = re.search(r"Tab\. (\d+(?:, \d+(?=,| and))*(?: and \d+)?)", row.source)
    return set(re.findall(r"\d+", found[1])) if found else set()


@pytest.mark.parametrize("table", ROWS)
def test_every_row_of_a_table_is_there(table):
    assert sum(table in tables(row) for row in TABLE.values()) == ROWS[table]


@pytest.mark.parametrize("name", MEASURABLE)
def test_a_row_names_a_task_its_preset_its_metrics_and_a_source(name):
    row = TABLE[name]
    assert row.source and row.data
    task = registry.get(row.task)
    assert row.model in task.presets
    protocol = claims._named(row.protocol)
    assert callable(protocol)
    own = [
        m
        for m in vars(__import__(protocol.__module__, fromlist=["x"])).values()
        if hasattr(m, "column_metrics")
    ]
    # Of any preset: a benchmark may choose among GLUE's tasks.
    configs = [preset.config for preset in task.presets.values()]
    metrics = {m.name for config in configs for m in task.measures.column_metrics(config)}
    metrics |= {m.name for kind in own for m in kind.column_metrics(None, configs[0])}
    assert row.claimed.keys() <= metrics


@pytest.mark.parametrize("name", MEASURABLE)
def test_the_commands_that_train_a_row_are_valid(name):
    row = TABLE[name]
    assert bool(row.train_with) != row.released
    if row.released:
        return
    for words in map(shlex.split, row.train_with.replace("TASK", "rte").split("; ")):
        assert words[:2] == ["perceiver", "run"]
        preset = registry.get(words[2]).presets[words[words.index("--preset") + 1]]
        changes = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        override(preset.config, *changes)
    if row.after:  # what is trained first has the sizes of what starts from it
        start = registry.get("language_mlm").presets[row.after].config.model
        model = override(registry.get(row.task).presets[row.model].config, *row.settings).model
        for part in ("encode", "process", "decode", "vocabulary", "length", "channels"):
            assert getattr(model, part) == getattr(start, part)


# The examples to train on, as GLUE's leaderboard and TFDS state them; of QQP, 363,846 and 363,849.
GLUE = {
    "cola": 8_551, "sst2": 67_349, "mrpc": 3_668, "stsb": 5_749,
    "qqp": 363_846, "mnli": 392_702, "qnli": 104_743, "rte": 2_490,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "task"),
    [
        (name, task)
        for name in MEASURABLE
        if TABLE[name].task == "glue"
        for task in (GLUE if "TASK" in TABLE[name].train_with else [""])
    ],
)
def test_glue_s_commands_train_for_ten_epochs_and_judge_on_the_development_sets(name, task):
    """App. F.4: ten epochs of the tasks that are trained on. With --init, the recipe changes nothing of it."""
    words = shlex.split(TABLE[name].train_with.replace("TASK", task).split("; ")[-1])
    glue, preset = registry.get("glue"), words[words.index("--preset") + 1]
    changes = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    config = glue.configure(preset, overrides=changes)
    epochs = config.train.steps * config.data.batch_size / sum(GLUE[t] for t in config.model.tasks)
    assert epochs == pytest.approx(10, rel=2e-3)
    assert config.data.test_split == "validation"
    assert config.data.mismatched == ("mnli" in config.model.tasks)
    layer = ("--init", fine_tuning.recipe(glue, preset, config))
    assert glue.configure(preset, [layer], changes) == config


def test_what_the_issue_of_the_first_release_claimed():
    assert TABLE["sintel-clean"].claimed == {"aepe": 1.81}
    assert TABLE["sintel-final"].claimed == {"aepe": 2.42}
    assert TABLE["kitti-2015"].claimed == {"aepe_per_image": 4.98}
    kinetics = {"video_psnr": 24.37, "audio_psnr": 26.97, "accuracy": 0.102}
    assert TABLE["kinetics"].claimed == kinetics
    shares = [
        TABLE[f"imagenet-{kind}"].claimed["accuracy"] for kind in ("learned", "fourier", "conv")
    ]
    assert shares == [0.727, 0.79, 0.821]


def test_a_row_that_is_like_another_takes_everything_but_what_is_its_own():
    row, like = TABLE["kinetics-392-latents"], TABLE["kinetics"]
    assert (row.protocol, row.options, row.rule) == (like.protocol, like.options, like.rule)
    assert row.measured_on == "kinetics" and like.released and not row.released
    assert row.stated == {} and like.stated["parameters"] == 20_000_000
    # Of a row that is itself like another.
    assert TABLE["glue-single-large"].measured_on == "glue" and TABLE["glue-single-large"].loader


def test_an_unknown_benchmark_or_option_names_the_nearest(tmp_path):
    with pytest.raises(
        UsageError, match="no benchmark 'sintel-clear'. Did you mean 'sintel-clean'"
    ):
        claims.get("sintel-clear")
    assert claims.get("kitti_2015").name == "kitti-2015"
    with pytest.raises(UsageError, match="sintel-clean takes no tilling. Did you mean 'tiling'"):
        TABLE["sintel-clean"].open(tmp_path, {"tilling": "x"})
    with pytest.raises(UsageError, match="raft is quoted for comparison"):
        TABLE["raft"].open(tmp_path, {})
