"""GLUE's model is the language model's, and a model per task gets its task's part of the steps."""

from __future__ import annotations

from perceiver_keras.miniature.claims.bytes import ARMS
from perceiver_keras.miniature.language import _alone, _like
from perceiver_keras.miniature.trial import changed, configured
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
