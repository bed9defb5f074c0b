"""`perceiver config TASK`: the resolved configuration, as YAML that `--config` takes back."""

from __future__ import annotations

from typing import Any

import click

from perceiver_keras.commands.shared import choose, options
from perceiver_keras.commands.shared.output import answer, say, table
from perceiver_keras.errors import UsageError

EXAMPLES = """\b
Examples:
  perceiver config image_classification > mine.yaml
  perceiver config image_classification --config mine.yaml --set train.steps=500
  perceiver config optical_flow --preset optical_flow --describe
  perceiver config --markdown > docs/settings.md
"""


@click.command("config", epilog=EXAMPLES)
@click.argument("task", type=options.TaskName(), metavar="[TASK]", required=False)
@options.config_options
@click.option(
    "--describe", is_flag=True, help="Show type, value, meaning and unit of each setting."
)
@click.option("--markdown", is_flag=True, help="Print the page docs/settings.md, of all tasks.")
@options.common_options
def command(task: str | None, describe: bool, markdown: bool, **settings: Any) -> None:
    """Print all settings of TASK as YAML: those of the preset, with your changes."""
    from perceiver_keras.commands.shared import settings_page, yaml_files
    from perceiver_keras.commands.shared.describe import settings_of, word
    from perceiver_keras.config_tree import to_dict
    from perceiver_keras.gate import trivial
    from perceiver_keras.tasks import registry

    if markdown:
        say(settings_page.page())
        return
    if task is None:
        raise UsageError("Name a TASK; `perceiver tasks` lists them.")
    the_task = registry.get(task)
    chosen = choose.choose(the_task, **settings)
    config = chosen.config
    if config.evaluate.thresholds != the_task.preset(settings["preset"]).config.evaluate.thresholds:
        trivial.check_now(the_task, config)
    if chosen.found is not None:
        click.echo(str(chosen.found), err=True)
    rows = settings_of(config)
    if describe:
        words = [(s.key, word(value), s.type, s.unit, s.meaning) for s, value in rows]
        say(table(("SETTING", "VALUE", "TYPE", "UNIT", "MEANING"), words))
    else:
        say(yaml_files.dump(to_dict(config)).rstrip())
    answer(
        {
            "task": task,
            "preset": settings["preset"],
            "config": to_dict(config),
            "settings": [
                {
                    "key": setting.key,
                    "value": value,
                    "type": setting.type,
                    "default": setting.default or None,
                    "meaning": setting.meaning,
                    "unit": setting.unit,
                }
                for setting, value in rows
            ],
        }
    )
