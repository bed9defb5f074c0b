"""Each artifact type of ours has a title that the platforms allow, by which TFX finds the class again."""

from __future__ import annotations

import re

import pytest
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils
from tfx.types import Artifact

from perceiver_keras.pipeline import titles

pytestmark = pytest.mark.tfx


def test_every_artifact_type_of_the_components_has_one():
    ours = {
        kind for kind in Artifact.__subclasses__() if kind.__module__.startswith("perceiver_keras.")
    }
    assert set(titles.OURS) == ours


@pytest.mark.parametrize("kind", titles.OURS, ids=lambda kind: kind.__name__)
def test_tfx_finds_the_class_by_a_title_that_vertex_ai_allows(kind):
    # The pattern of Vertex ML Metadata's schema titles.
    assert re.fullmatch(r"[a-z][a-z0-9-_]{2,20}[.][A-Z][a-zA-Z0-9-_]{2,49}", titles.title(kind))
    titles.tell_tfx()
    raw = pipeline_spec_pb2.RuntimeArtifact(uri="/x")
    raw.type.instance_schema = f"title: {titles.title(kind)}\ntype: object\n"
    both = {"in": pipeline_spec_pb2.ArtifactList(artifacts=[raw])}
    [found] = kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict(both)["in"]
    assert type(found) is kind
