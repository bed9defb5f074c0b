"""The baseline of a cluster is the one that the resolver would find, whatever was blessed, and in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx.types import standard_artifacts

from perceiver_keras.components.baseline import JUDGE, LatestBlessedOther
from perceiver_keras.components.cluster import kept
from perceiver_keras.components.cluster.kept import Version

pytestmark = pytest.mark.tfx


def resolved(history: list[tuple[int, bool]], candidate: int) -> int | None:
    """The id of the resolver's baseline after blessings of (model, whether it was compared)."""

    def artifact(kind, number, **properties):
        made = kind()
        made.id = number
        for name, value in properties.items():
            made.set_int_custom_property(name, value)
        return made

    blessings = []
    for number, (model, compared) in enumerate(history, 1000):
        told = {"baseline_model_id": 1} if compared else {}
        blessing = artifact(
            standard_artifacts.ModelBlessing, number, blessed=1, current_model_id=model, **told
        )
        blessing.set_string_custom_property("component_id", JUDGE)
        blessings.append(blessing)
    models = {model for model, _ in history} | {candidate}
    found = LatestBlessedOther().resolve_artifacts(
        None,
        {
            "model": [artifact(standard_artifacts.Model, number) for number in models],
            "model_blessing": blessings,
            "candidate": [artifact(standard_artifacts.Model, candidate)],
        },
    )
    return found["model"][0].id if found["model"] else None


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=8), st.integers(1, 5))
def test_it_is_the_resolvers_rule(history, candidate):
    versions = [Version(number, *entry) for number, entry in enumerate(history)]
    found = kept.baseline(versions[::-1], candidate)
    assert (found and found.model) == resolved(history, candidate)
    if found:  # the newest version of that model
        assert found.number == max(v.number for v in versions if v.model == found.model)


def test_a_version_counts_if_it_is_kept_and_still_there(tmp_path):
    shared = f"file://{tmp_path}"
    assert kept.read_versions(shared) == []
    for number in (7, 12, 100):
        (tmp_path / "blessed" / str(number)).mkdir(parents=True)
        (tmp_path / "pushed" / str(number)).mkdir(parents=True)
    big = 2**62 + 1  # not every such number is one in JSON
    for number in (7, 12):
        kept.write(
            f"{shared}/blessed/{number}/{kept.FILE}", {"model": str(big), "compared": number > 7}
        )
    assert kept.read_versions(shared) == [Version(7, big, False), Version(12, big, True)]
    (tmp_path / "pushed" / "12").rmdir()  # taken back
    assert kept.read_versions(shared) == [Version(7, big, False)]


def test_only_folders_with_numbers_are_entries(tmp_path):
    for name in ("2", "10", "x", "3.tmp"):
        (tmp_path / name).mkdir()
    assert kept.numbers(str(tmp_path)) == [2, 10]
    assert kept.numbers(str(tmp_path / "none")) == []


def test_absence_is_a_property():
    artifact = standard_artifacts.Model()
    kept.nothing(artifact)
    assert artifact.get_int_custom_property(kept.ABSENT) == 1
