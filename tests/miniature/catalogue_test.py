"""Every claim of the catalogue is whole, and every module of claims is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from perceiver_keras.errors import UsageError
from perceiver_keras.miniature import catalogue, claims
from perceiver_keras.miniature.outcome import UNKNOWN
from perceiver_keras.miniature.records import plain


def test_the_modules_of_claims_are_those_of_the_catalogue():
    folder = Path(claims.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert modules == set(catalogue.NAMES)


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_a_claim_is_whole(name):
    claim = catalogue.get(name)
    assert claim.name == name
    for text in (claim.title, claim.paper, claim.statement, claim.miniature):
        assert text and not text.startswith(" ")
    assert len({arm.name for arm in claim.arms}) == len(claim.arms) > 1
    assert len(claim.seeds) >= 3
    for arm in claim.arms:
        assert plain(arm.settings)
        assert "-" not in arm.name and "/" not in arm.name
    outcome = claim.judge({})
    assert outcome.verdict == UNKNOWN and outcome.statements
    assert claim.made_quick().arms != claim.arms


def test_an_unknown_claim_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'latents'"):
        catalogue.get("latent")
    assert [claim.name for claim in catalogue.claims(("latents",))] == ["latents"]
