"""What a run that continues knows of the last evaluation."""

from __future__ import annotations

import pytest

from perceiver_keras.errors import PerceiverError
from perceiver_keras.training.evaluation_state import EvaluationState


def test_a_result_belongs_to_its_step(tmp_path):
    state, told = (
        EvaluationState(tmp_path),
        {"history": [{"step": 5, "val_loss": 1.0}], "best": None},
    )
    assert state.result(5) is None
    assert state.begin(5, 64) is None and state.result(5) is None
    state.finish(5, told)
    assert EvaluationState(tmp_path).result(5) == told
    assert state.result(6) is None


def test_batches_are_halved_from_the_second_death_on(tmp_path):
    sizes = [EvaluationState(tmp_path).begin(5, 64) for _ in range(6)]
    assert sizes == [None, None, 32, 16, 8, 4]
    assert EvaluationState(tmp_path).begin(6, 64) is None  # another evaluation


def test_an_evaluation_that_was_left_on_purpose_is_no_death(tmp_path):
    for _ in range(4):
        state = EvaluationState(tmp_path)
        assert state.begin(5, 64) is None
        state.leave(5)
    assert [EvaluationState(tmp_path).begin(5, 64) for _ in range(3)] == [None, None, 32]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"step": 5}', '{"step": 5, "begun": "x"}'])
def test_a_damaged_file_is_no_knowledge(tmp_path, content):
    (tmp_path / "evaluation.json").write_text(content)
    state = EvaluationState(tmp_path)
    assert state.result(5) is None and state.begin(5, 64) is None


def test_only_the_chief_writes(tmp_path):
    EvaluationState(tmp_path, writes=False).finish(5, {})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_a_readable_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PerceiverError, match="can't be written"):
        EvaluationState(tmp_path / "file").begin(5, 64)
