"""Trees of settings: JSON both ways, overrides, and errors that name the nearest key."""

import dataclasses
import json
import re

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
    Whole,
    from_dict,
    from_json,
    keys,
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
    decay=st.one_of(st.none(), st.floats(0, 10, exclude_min=True)),
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


@pytest.mark.parametrize(
    "of", ["label=7", "label", "text/words=10..100", "label=St. John-a=b", "label= 7"]
)
def test_what_follows_an_at_sign_is_taken_as_it_is_up_to_the_last_equals_sign(of):
    changed = override(a_config(), f"evaluate.thresholds.accuracy@{of}=0.25")
    assert changed.evaluate.thresholds == {"accuracy": 0.5, f"accuracy@{of.strip()}": 0.25}
    assert from_json(type(changed), to_json(changed)) == changed
    merged = merge(a_config(), {"evaluate": {"thresholds": {f"accuracy@{of}": 0.25}}})
    assert merged.evaluate.thresholds[f"accuracy@{of}"] == 0.25


def test_an_at_sign_in_a_value_is_part_of_it():
    assert override(a_config(), "data.data_dir=/me@home=x").data.data_dir == "/me@home=x"


def test_an_override_may_change_the_class_of_a_choice():
    config = choices(PixelStem(), FourierPosition(num_bands=3))
    changed = override(config, 'position={"kind": "LearnedPosition", "channels": 9}')
    assert changed.position == LearnedPosition(channels=9)


@pytest.mark.parametrize(
    "assignment, message",
    [
        ("train.stesp=1", "Unknown configuration key 'train.stesp'. Did you mean 'train.steps'"),
        ("trian.steps=1", "Did you mean 'train.steps'"),
        ("num_latent=3", "Did you mean 'model.encode.num_latents'"),
        ("lr=1", "Did you mean 'train.learning_rate'"),
        ("batch=3", "Did you mean 'data.batch_size' or 'evaluate.batch_size'"),
        ("model.encode.heads=3", "Did you mean 'model.encode.num_cross_attention_heads'"),
        ("colour=red", "Choose one of: data, evaluate, model, train"),
        ("train.steps=many", "train.steps: expected int, got 'many'"),
        ("train.steps=1.5", "train.steps: expected int, got 1.5"),
        ("train.steps=true", "train.steps: expected int, got True"),
        ("train.optimizer=lamp", "Did you mean 'lamb'"),
        ("train.steps", "write it as key=value"),
        ("=3", "write it as key=value"),
        ("train.steps.more=1", "no keys below it"),
        ("evaluate.thresholds=[1]", "evaluate.thresholds"),
        ("model.encode=3", "Set one key of it, as in model.encode.num_latents=8"),
        ("train.learning_rate=NaN", "train.learning_rate: expected float, got nan"),
        ("train.clip_norm=Infinity", "expected float or null, got inf"),
        (
            "train.clip_norm=much",
            "expected float or null, got 'much'; an example: train.clip_norm=0.5",
        ),
        ("evaluate.thresholds=0.9", "expected object of float"),
        (
            "evaluate.thresholds.accuracy@label=cat",
            "thresholds.accuracy@label: expected float, got 'cat'",
        ),
        ("train.steps@label=7=3", "Did you mean 'train.steps'"),
    ],
)
def test_a_bad_override_says_what_was_wrong(assignment, message):
    with pytest.raises(UsageError, match=message):
        override(a_config(), assignment)


def test_an_example_in_an_error_is_a_value_that_is_taken():
    config = choices(PixelStem(), FourierPosition(num_bands=3))
    for key in ("attention_memory_mb", "activation", "position.max_resolution", "stem"):
        with pytest.raises(UsageError) as raised:
            override(config, f"{key}=[[]]")
        told = re.search(r"an example: (.*)\.$", str(raised.value))
        if told:
            override(config, told[1])


def test_keys_are_all_settings_and_sections_in_their_order():
    found = keys(a_config())
    assert found[:2] == ["data", "data.dataset"]
    assert {"model", "model.encode", "model.encode.num_latents", "evaluate.thresholds"} <= set(
        found
    )


def test_a_key_in_a_file_is_looked_for_in_the_whole_tree():
    with pytest.raises(UsageError, match=r"'num_latents'. Did you mean 'model.encode.num_latents'"):
        merge(a_config(), {"num_latents": 3})


def test_merge_lays_a_partial_tree_over_and_replaces_a_choice_of_another_kind_whole():
    config = choices(PixelStem(), FourierPosition(num_bands=3, sine_only=True))
    merged = merge(config, {"encode": {"num_latents": 99}, "position": {"num_bands": 5}})
    assert merged.encode == EncodeConfig(num_latents=99, latent_dim=8)
    assert merged.position == FourierPosition(num_bands=5, sine_only=True)
    swapped = merge(config, {"position": {"kind": "LearnedPosition", "channels": 4}})
    assert swapped.position == LearnedPosition(channels=4)


def test_merge_puts_a_whole_mapping_in_the_place_of_the_old_one():
    config = a_config()
    added = merge(config, {"evaluate": {"thresholds": {"loss": 1.0}}})
    assert added.evaluate.thresholds == {**config.evaluate.thresholds, "loss": 1.0}
    replaced = merge(config, {"evaluate": {"thresholds": Whole(loss=1.0)}})
    assert replaced.evaluate.thresholds == {"loss": 1.0}
    assert type(replaced.evaluate.thresholds) is dict


def test_missing_and_unknown_keys_are_named():
    values = to_dict(a_config())
    del values["train"]["steps"]
    with pytest.raises(UsageError, match="train: missing steps"):
        from_dict(TaskConfig, values)
    with pytest.raises(UsageError, match="Unknown configuration key 'extra'"):
        from_dict(TaskConfig, {**to_dict(a_config()), "extra": 1})
    deep = "[" * 100_000
    for text in ("{", deep):
        with pytest.raises(UsageError, match="not valid JSON"):
            from_json(TaskConfig, text)
    with pytest.raises(UsageError, match="train.steps"):
        override(a_config(), f"train.steps={deep}")


def test_a_choice_by_itself_is_tagged_and_read_back():
    position = LearnedPosition(channels=5)
    values = tagged(position)
    assert values["kind"] == "LearnedPosition"
    assert untagged(Position, json.loads(json.dumps(values)), "position") == position
    assert untagged(Position, position, "position") is position
    with pytest.raises(UsageError, match=r"position.kind: 'Learned' is unknown. Did you mean"):
        untagged(Position, values | {"kind": "Learned"}, "position")
