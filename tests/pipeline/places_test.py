"""In a run folder everything is below it, and the resolvers ask its store."""

from __future__ import annotations

import pytest
from tfx.dsl.components.common import resolver
from tfx.types import Channel, standard_artifacts

from perceiver_keras.components.accepted_schema import LatestAcceptedSchema
from perceiver_keras.components.baseline import LatestBlessedOther
from perceiver_keras.pipeline.places import RunFolder
from perceiver_keras.pipeline.settings import PipelineSettings

pytestmark = pytest.mark.tfx


@pytest.fixture
def settings(tmp_path):
    return PipelineSettings.create("image_classification", run_dir=tmp_path, rebaseline=True)


def test_everything_is_below_the_run_folder(settings, tmp_path):
    places = RunFolder(settings)
    assert (places.name, places.root) == ("image_classification", str(tmp_path / "artifacts"))
    assert places.pushed == str(tmp_path / "pushed")
    assert places.told == {"run_dir": str(tmp_path)}
    assert places.metadata.sqlite.filename_uri == str(tmp_path / "metadata.sqlite")
    for folder in (places.state("abc"), places.words("abc")):
        assert folder.startswith(str(tmp_path / "training"))


def test_what_earlier_runs_kept_is_resolved_and_nothing_else_keeps_it(settings):
    places = RunFolder(settings)
    schema = places.accepted_schema(Channel(type=standard_artifacts.Schema))
    baseline = places.baseline(Channel(type=standard_artifacts.Model))
    for node, strategy in ((schema, LatestAcceptedSchema), (baseline, LatestBlessedOther)):
        assert isinstance(node, resolver.Resolver)
        assert node.exec_properties[resolver.RESOLVER_STRATEGY_CLASS] is strategy
    assert baseline.exec_properties[resolver.RESOLVER_CONFIG] == {"rebaseline": True}
    assert [*places.keep_schema(), *places.keep_baseline()] == []
