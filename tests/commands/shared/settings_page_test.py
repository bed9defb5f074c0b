"""The page of settings has a row for each setting of each task, once."""

from __future__ import annotations

import re

from perceiver_keras.commands.shared.describe import settings
from perceiver_keras.commands.shared.settings_page import page
from perceiver_keras.config import TaskConfig
from perceiver_keras.tasks import registry


def test_every_setting_has_one_row_in_its_task_s_table_or_the_common_one() -> None:
    text = page()
    tables = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", text, re.M))
    rows = {
        title: re.findall(r"^\| `([\w.]+)`(?: \(of (\w+)\))? \|", body, re.M)
        for title, body in tables.items()
    }
    common = [(s.key, s.kind) for s in settings(TaskConfig)]
    assert rows["Every task"] == common
    assert set(rows) == {"Every task", *registry.names()}
    for name in registry.names():
        whole = [(s.key, s.kind) for s in settings(registry.get(name).config_class)]
        assert sorted(rows[name] + [row for row in common if row in whole]) == sorted(whole)


def test_every_row_of_a_table_has_five_cells() -> None:
    lines = [line for line in page().splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", line)) for line in lines} == {7}
