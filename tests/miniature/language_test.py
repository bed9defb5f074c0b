"""GLUE's model is the language model's, and a model per task gets its task's part of the steps."""

from __future__ import annotations

from dataclasses import replace

from perceiver_keras.miniature import trial
from perceiver_keras.miniature.claims.bytes import ARMS
from perceiver_keras.miniature.language import QUICK, _alone, _like, pretrained
from perceiver_keras.miniature.records import read_json
from perceiver_keras.miniature.trial import changed, configured
from perceiver_keras.progress import Progress
from perceiver_keras.tasks.model import load
from perceiver_keras.tasks.transfer import Start, plan


def test_the_language_model_s_weights_are_a_start_for_glue_s():
    for arm in ARMS[:2]:
        mlm, config = configured(arm.settings, "mlm")
        config = changed(config, {"model.length": 16})
        glue, wanted = configured(arm.settings, "glue")
        wanted = _like(wanted, config)
        start = Start.of(mlm.build(config).build_all(), "mlm")
        taken = plan(start, glue.build(wanted).build_all())
        assert len(taken.arrays) > len(taken.new)
        assert all(line.startswith(("query/", "postprocess/")) for line in taken.new)


def test_a_task_alone_has_its_part_of_the_steps():
    _, config = configured(ARMS[0].settings, "glue")
    alone = _alone(config, "rte", 0.25)
    assert alone.train.steps == config.train.steps // 4 == alone.train.evaluate_every
    assert alone.train.warmup_steps <= alone.train.steps // 4
    assert alone.data.dataset == "perceiver_glue/standin_rte" and alone.model.tasks == ("rte",)


def test_rates_are_tried_once_and_the_best_one_s_model_is_kept(eager, tmp_path, monkeypatch):
    """How far the search goes is tested where it is; here it tries the two that it is given."""
    monkeypatch.setattr(trial, "search", lambda rates, quality: max(rates, key=quality))
    tuned = {"mlm/rates": [1e-3, 1e-2], "mlm/tuning_steps": 1}
    arm = replace(ARMS[0], settings={**ARMS[0].settings, **QUICK, **tuned})
    quiet = lambda total, label: Progress(total, label, quiet=True)  # noqa: E731
    found = pretrained(arm, 0, tmp_path, quiet)
    tried = read_json(tmp_path / "perceiver-mlm-tuning.json")["tried"]
    losses = {rate: curve[-1]["val_loss"] for rate, curve in tried.items()}
    assert float(min(losses, key=losses.get)) == found.tuning.chosen[trial.RATE]
    assert found.config.train.learning_rate == found.tuning.chosen[trial.RATE]
    assert load(found.tried).config == load(found.folder).config == found.config.model
    again = pretrained(arm, 1, tmp_path, quiet)
    assert again.tuning == found.tuning and again.folder != found.folder
