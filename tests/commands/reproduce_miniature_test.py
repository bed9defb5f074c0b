"""`perceiver reproduce miniature`: the list, the page, a measurement, and wrong words."""

from __future__ import annotations

import json

from perceiver_keras.miniature import catalogue
from tests.commands.command_line import invoke, refused, told
from tests.miniature import formula


def test_help_and_list_import_no_claim_s_data():
    text = invoke("reproduce", "miniature", "--help").stdout
    assert "Usage: perceiver reproduce miniature [OPTIONS] [CLAIM]..." in text
    assert "perceiver reproduce miniature latents --arm" in text
    listed = invoke("reproduce", "miniature", "--list").stdout
    assert all(name in listed for name in catalogue.NAMES)
    found = told("reproduce", "miniature", "--list")["claims"]
    assert list(found) == list(catalogue.NAMES)


def test_a_claim_is_measured_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "claims", lambda names=(): [formula.claim()])
    words = ["reproduce", "miniature", "made_up", "--run-dir", tmp_path]
    one = told(*words, "--arm", "good", "--seed", "4")
    assert one["records"] == {"made_up": {"good": [4]}}
    assert one["outcomes"] == {"made_up": "can't be told"}
    shown = invoke(*words).stdout
    assert "good minus bad is above 0" in shown and "holds" in shown
    page = invoke("reproduce", "miniature", "--markdown", "--run-dir", tmp_path,
                  "--pictures", tmp_path / "pictures").stdout  # fmt: skip
    assert page.startswith("# The paper in miniature") and "good minus bad" in page
    assert (tmp_path / "pictures" / "made_up.png").exists()
    assert sorted(json.loads((tmp_path / "made_up" / "good-4.json").read_text()))[:2] == [
        "arm",
        "chosen",
    ]


def test_wrong_words_are_refused(tmp_path):
    words = ("reproduce", "miniature", "--run-dir", tmp_path)
    for more, expected in (
        (["latent"], "There is no claim 'latent'. Did you mean 'latents'"),
        (["latents", "--arm", "5x5"], "latents has no arm '5x5'"),
        (["--arm", "4x4"], "--arm is an arm of one claim"),
        (["latents", "--seed", "1", "--seeds", "2"], "name one of them"),
        (["latents", "--markdown"], "--markdown prints the page of all claims"),
        (["--pictures", tmp_path], "--pictures belongs to --markdown"),
        (["--run-dir", "gs://bucket/x"], "must be on this machine"),
    ):
        refused(*words, *more, code=2, words=expected)
    assert list(tmp_path.iterdir()) == []
