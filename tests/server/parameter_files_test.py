"""The files of tensorflow_model_server: read back as written, and read as its own documents write them."""

from __future__ import annotations

import pytest

from perceiver_keras.server import parameter_files as files
from perceiver_keras.server.settings import Batching, ModelSource


def test_models_are_read_back() -> None:
    models = [
        ModelSource(name="a", base_path="/m/a"),
        ModelSource(name="b", base_path="/m/b", policy="all"),
        ModelSource(name="c", base_path="/m/c", count=2),
        ModelSource(
            name="d", base_path="/m/d", policy="specific", versions=(3, 5), labels={"stable": 3}
        ),
    ]
    assert files.read_models(files.models_text(models)) == models


def test_the_documents_example_of_labels() -> None:
    text = """
    model_config_list { config { name: 'm' base_path: '/tmp/m/' model_platform: 'tensorflow'
      model_version_policy { specific { versions: 42 versions: 43 } }
      version_labels { key: 'stable' value: 42 } version_labels { key: 'canary' value: 43 } } }"""
    (model,) = files.read_models(text)
    assert (model.policy, model.versions) == ("specific", (42, 43))
    assert model.labels == {"stable": 42, "canary": 43}


def test_a_name_may_have_any_letters() -> None:
    models = [ModelSource(name="größe 2 模型 100%?", base_path="/m")]
    assert files.read_models(files.models_text(models)) == models


def test_batching_is_read_back_and_read_as_documented() -> None:
    batching = Batching(
        max_batch_size=32, allowed_batch_sizes=(8, 32), pad_variable_length_inputs=True
    )
    assert files.read_batching(files.batching_text(batching)) == batching
    text = """max_batch_size { value: 128 } batch_timeout_micros { value: 0 }
    max_enqueued_batches { value: 1000000 } num_batch_threads { value: 8 }"""
    assert files.read_batching(text) == Batching(
        max_batch_size=128,
        batch_timeout_micros=0,
        max_enqueued_batches=1000000,
        num_batch_threads=8,
    )


def test_monitoring() -> None:
    assert files.read_monitoring(files.monitoring_text()) == "/monitoring/prometheus/metrics"
    assert files.read_monitoring('prometheus_config { enable: true, path: "/m" }') == "/m"
    assert files.read_monitoring("") is None


ROW = "model_config_list {{ config {{ {} }} }}"


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (files.read_models, "model_config_list { config { nam: 'm' } }", "nam"),
        (files.read_models, "", "only model_config_list"),
        (files.read_models, ROW.format("base_path: '/m'"), "a model has no name"),
        (files.read_models, ROW.format("name: 'm' base_path: 'm'"), "an absolute path"),
        (files.read_models, ROW.format("name: 'a/b' base_path: '/m'"), "can't be in a URL"),
        (
            files.read_models,
            ROW.format("name: '..' base_path: '/m'"),
            r"'\.\.': it can't be in a URL",
        ),
        (
            files.read_models,
            ROW.format(r"name: 'x\nm was' base_path: '/m'"),
            r"'x\\nm was': it has",
        ),
        (files.read_models, ROW.format(r"name: 'x\033[31m' base_path: '/m'"), "can't be printed"),
        (files.read_models, ROW.format("name: 'x\u202e' base_path: '/m'"), "can't be printed"),
        (
            *(files.read_models, ROW.format("name: 'm' base_path: '/m' model_platform: 'onnx'")),
            "platform 'onnx' is not supported",
        ),
        (
            files.read_models,
            "model_config_list { config { name: 'm' base_path: '/a' } config { name: 'm' base_path: '/b' } }",
            "list model m multiple times",
        ),
        (files.read_batching, "max_batch_size: 3", "not BatchingParameters"),
        (files.read_batching, "allowed_batch_sizes: 4", "must match max_batch_size"),
        (files.read_monitoring, "prometheus_config { enable: true, path: 'm' }", "expected /"),
    ],
)
def test_what_is_wrong_is_named(read, text, words) -> None:
    with pytest.raises(ValueError, match=words):
        read(text)
