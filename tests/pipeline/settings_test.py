"""What each component depends on, and how a run's settings are made."""

import re

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.pipeline.settings import PipelineSettings


def settings(tmp_path, *overrides, **kwargs):
    return PipelineSettings.create(
        "image_classification", run_dir=tmp_path, overrides=overrides, **kwargs
    )


def test_preset_then_files_then_overrides_then_seed(tmp_path):
    made = settings(
        tmp_path,
        "train.steps=7",
        layers=[
            ("a.yaml", {"train": {"steps": 5, "log_every": 3}}),
            ("b.yaml", {"train": {"log_every": 4}}),
        ],
        seed=11,
    )
    assert (made.config.train.steps, made.config.train.log_every) == (7, 4)
    assert made.config.train.seed == 11
    assert made.overrides == ("train.steps=7", "train.seed=11")


@pytest.mark.parametrize(
    "override, data_changes, train_changes",
    [
        ("train.steps=9", False, True),
        ("data.batch_size=3", False, True),
        ("model.encode.num_latents=3", False, True),
        ("model.image_size=[4, 4]", True, True),
        ("data.shift=0", True, True),
        ("model.num_classes=10", False, False),
        ("evaluate.thresholds.accuracy=0.1", False, False),
        ("evaluate.allowed_drop=0.1", False, False),
    ],
)
def test_an_override_reaches_only_what_depends_on_it(
    tmp_path, override, data_changes, train_changes
):
    before, after = settings(tmp_path), settings(tmp_path, override)
    assert (before.data_config() != after.data_config()) is data_changes
    assert (before.train_config() != after.train_config()) is train_changes
    moved = before.training_state("data") != after.training_state("data")
    assert moved is train_changes


def test_the_newest_span_is_taken_once(tmp_path):
    (tmp_path / "3").mkdir()
    made = settings(tmp_path, f"data.data_dir={tmp_path}/{{SPAN}}")
    (tmp_path / "4").mkdir()
    assert (made.config.data.data_dir, made.config.data.span) == (f"{tmp_path}/3", 3)


def test_no_password_is_shown(tmp_path):
    assert "hush" not in repr(settings(tmp_path, metadata_uri="mysql://me:hush@host/runs"))


def test_training_state_is_stable_and_keyed_by_data(tmp_path):
    assert settings(tmp_path).training_state("a") == settings(tmp_path).training_state("a")
    assert settings(tmp_path).training_state("a") != settings(tmp_path).training_state("b")
    assert settings(tmp_path).training_state("a").parent == tmp_path / "training"


def test_unknown_names_are_refused_with_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'image_classification'"):
        PipelineSettings.create("image_clasification", run_dir=tmp_path)
    with pytest.raises(UsageError, match="Did you mean 'tiny'"):
        PipelineSettings.create("image_classification", preset="tny", run_dir=tmp_path)
    with pytest.raises(UsageError, match="b.yaml: .*Did you mean 'train'"):
        settings(tmp_path, layers=[("a.yaml", {}), ("b.yaml", {"trian": {}})])


@pytest.mark.parametrize("name", ["gs://bucket/run", "run[1]", "a?b", "run*"])
def test_a_run_folder_that_tfx_can_not_use_is_refused(name):
    with pytest.raises(UsageError, match=f"run_dir {re.escape(name)}: .* must be on this machine"):
        PipelineSettings.create("image_classification", run_dir=name)
