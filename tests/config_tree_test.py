"""Trees of settings: JSON both ways, overrides, and errors that name the nearest key."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_keras.config import (
    Conv1x1Stem,
    DataConfig,
    DecodeConfig,
    EncodeConfig,
    EvaluateConfig,
    FourierPosition,
    LearnedPosition,
    PerceiverConfig,
    PixelStem,
    Position,
    ProcessConfig,
    Stem,
    TaskConfig,
    TrainConfig,
    frozen,
)
from perceiver_keras.config_tree import (
    from_dict,
    from_json,
    merge,
    override,
    tagged,
    to_dict,
    to_json,
    untagged,
)
from perceiver_keras.errors import UsageError


@frozen()
class WithChoices(PerceiverConfig):
    stem: Stem
    position: Position


def a_config(**train) -> TaskConfig:
    return TaskConfig(
        data=DataConfig(dataset="digits"),
        model=PerceiverConfig(
            encode=EncodeConfig(num_latents=4, latent_dim=8),
            process=ProcessConfig(num_self_attention_layers=2, num_self_attention_heads=1),
            decode=DecodeConfig(),
        ),
        train=TrainConfig(**{"steps": 10, "learning_rate": 1e-3, **train}),
        evaluate=EvaluateConfig(thresholds={"accuracy": 0.5}),
    )


def choices(stem, position) -> WithChoices:
    model = a_config().model
    fields = {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
    return WithChoices(**fields, stem=stem, position=position)


@given(
    steps=st.integers(1, 10**9),
    rate=st.floats(1e-9, 1e3),
    decay=st.one_of(st.none(), st.floats(0, 10)),
    seed=st.integers(0, 2**31 - 1),
)
def test_json_round_trip_is_exact(steps, rate, decay, seed):
    config = a_config(steps=steps, learning_rate=rate, clip_norm=decay, seed=seed)
    assert from_json(TaskConfig, to_json(config)) == config


@pytest.mark.parametrize(
    "stem, position",
    [
        (PixelStem(), FourierPosition(num_bands=3, max_resolution=(8, 9))),
        (Conv1x1Stem(channels=7), LearnedPosition(channels=5, project_dim=2)),
    ],
)
def test_one_of_several_classes_keeps_its_kind(stem, position):
    config = choices(stem, position)
    text = json.dumps(to_dict(config))
    assert from_dict(WithChoices, json.loads(text)) == config


def test_overrides_reach_every_depth_and_leave_the_original_alone():
    config = a_config()
    changed = override(
        config,
        "train.steps=77",
        "train.clip_norm=null",
        "model.encode.qk_dim=16",
        "data.data_dir=/somewhere",
        "evaluate.thresholds.loss=1.5",
        "train.learning_rate=1",
    )
    assert changed.train.steps == 77
    assert changed.train.clip_norm is None
    assert changed.model.encode.qk_dim == 16
    assert changed.data.data_dir == "/somewhere"
    assert changed.evaluate.thresholds == {"accuracy": 0.5, "loss": 1.5}
    assert isinstance(changed.train.learning_rate, float)
    assert config == a_config()


def test_an_override_may_change_the_class_of_a_choice():
    config = choices(PixelStem(), FourierPosition(num_bands=3))
    changed = override(config, 'position={"kind": "LearnedPosition", "channels": 9}')
    assert changed.position == LearnedPosition(channels=9)


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("train.stesp=1", "Did you mean 'steps'"),
        ("trian.steps=1", "Did you mean 'train'"),
        ("train.steps=many", "train.steps: expected int, got 'many'"),
        ("train.steps=1.5", "train.steps: expected int, got 1.5"),
        ("train.steps=true", "train.steps: expected int, got True"),
        ("train.optimizer=lamp", "Did you mean 'lamb'"),
        ("train.steps", "write it as key=value"),
        ("=3", "write it as key=value"),
        ("train.steps.more=1", "no keys below it"),
        ("evaluate.thresholds=[1]", "evaluate.thresholds"),
        ("model.encode=3", "expected an object"),
    ],
)
def test_a_bad_override_says_what_was_wrong(assignment, message):
    with pytest.raises(UsageError, match=message):
        override(a_config(), assignment)


def test_merge_lays_a_partial_tree_over_and_replaces_a_choice_of_another_kind_whole():
    config = choices(PixelStem(), FourierPosition(num_bands=3, sine_only=True))
    merged = merge(config, {"encode": {"num_latents": 99}, "position": {"num_bands": 5}})
    assert merged.encode == EncodeConfig(num_latents=99, latent_dim=8)
    assert merged.position == FourierPosition(num_bands=5, sine_only=True)
    swapped = merge(config, {"position": {"kind": "LearnedPosition", "channels": 4}})
    assert swapped.position == LearnedPosition(channels=4)


def test_missing_and_unknown_keys_are_named():
    values = to_dict(a_config())
    del values["train"]["steps"]
    with pytest.raises(UsageError, match="train: missing steps"):
        from_dict(TaskConfig, values)
    with pytest.raises(UsageError, match="Unknown configuration key 'extra'"):
        from_dict(TaskConfig, {**to_dict(a_config()), "extra": 1})
    with pytest.raises(UsageError, match="not valid JSON"):
        from_json(TaskConfig, "{")


def test_a_choice_by_itself_is_tagged_and_read_back():
    position = LearnedPosition(channels=5)
    values = tagged(position)
    assert values["kind"] == "LearnedPosition"
    assert untagged(Position, json.loads(json.dumps(values)), "position") == position
    assert untagged(Position, position, "position") is position
    with pytest.raises(UsageError, match=r"position.kind: 'Learned' is unknown. Did you mean"):
        untagged(Position, values | {"kind": "Learned"}, "position")
