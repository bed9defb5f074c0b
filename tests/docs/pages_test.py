"""What the pages say is true: generated ones are current, what they name exists, tables are complete, numbers agree."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from perceiver_keras import cli, reproduce_all
from perceiver_keras.benchmarks import size_plan
from perceiver_keras.config_tree import to_dict
from perceiver_keras.miniature import catalogue, records
from perceiver_keras.miniature import page as miniature_page
from perceiver_keras.miniature.claim import Claim
from perceiver_keras.show import claims
from perceiver_keras.tasks import registry

ROOT = Path(__file__).absolute().parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
SIGNATURES = {"serving_default", "serving_examples", "serving_tensors", "evaluate"}
# Where the paths on the pages begin.
PLACES = ("", "perceiver_keras", "perceiver_keras/tasks/image_classification")
# What a reader makes, and a path in another repository.
ELSEWHERE = {
    *("perceiver_keras/tasks/digit_value.py", "tests/tasks/digit_value_test.py", "perceiver/"),
    *("folder/", "dead_letter/"),
}


def read(repository: Path, name: str) -> str:
    return (repository / name).read_text(encoding="utf-8")


def test_sources_is_what_the_presets_say(repository: Path) -> None:
    made = CliRunner().invoke(cli.main, ["presets", "--markdown"]).stdout
    assert read(repository, "docs/sources.md") == made, (
        "run: perceiver presets --markdown > docs/sources.md"
    )


def test_the_page_of_the_miniature_is_what_its_records_say(repository: Path) -> None:
    made = miniature_page.document(repository / "benchmarks" / "results" / "miniature")
    assert read(repository, "docs/miniature.md") == made, (
        "run: perceiver reproduce miniature --markdown --run-dir benchmarks/results/miniature "
        "--pictures docs/pictures/miniature > docs/miniature.md"
    )


def own_records(repository: Path, claim: Claim) -> dict[str, list[dict]]:
    """{arm: records of the seeds that the command measures by itself}."""
    found = records.read_all(repository / "benchmarks" / "results" / "miniature", claim)
    return {arm.name: [found[arm.name][seed] for seed in claim.seeds] for arm in claim.arms}


@pytest.mark.parametrize("name", catalogue.NAMES)
def test_a_claim_alone_takes_at_most_half_an_hour_and_what_the_list_says(
    repository: Path, name: str
) -> None:
    """Worked out from the whole run, on two cores: its arms, one core each, begin in order when a core is free."""
    claim = catalogue.get(name)
    of_arms = own_records(repository, claim).values()
    cores = [0.0] if claim.alone or claim.together else [0.0, 0.0]
    for arm in of_arms:
        cores[cores.index(min(cores))] += sum(record["seconds"] for record in arm) / 60
    assert {record["cores"] for arm in of_arms for record in arm} == {2}
    assert max(cores) <= 30
    assert claim.minutes == pytest.approx(max(cores), abs=1.0)


def test_the_whole_miniature_takes_at_most_three_hours(repository: Path) -> None:
    of_claims = [own_records(repository, claim) for claim in catalogue.claims()]
    every = [one for arms in of_claims for found in arms.values() for one in found]
    assert records.passed(every) <= 180 * 60


def test_the_paper_s_figures_are_those_of_the_claims_and_the_records(repository: Path) -> None:
    words = ["reproduce", "--markdown", "--record", "docs/reproduced"]
    outcomes = reproduce_all.known(repository / "docs" / "reproduced")
    made = claims.document(outcomes)
    assert read(repository, "docs/reproduce.md") == made, (
        f"run: perceiver {' '.join(words)} > docs/reproduce.md"
    )
    assert claims.short_table(outcomes) in read(repository, "README.md"), (
        "copy the table of docs/reproduce.md, With the released weights"
    )


def test_the_size_plan_is_what_was_counted_and_measured(repository: Path) -> None:
    facts = json.loads(size_plan.FACTS.read_text())
    assert read(repository, "docs/size_plan.md") == size_plan.page(facts), (
        "run: python -m perceiver_keras.benchmarks.size_plan docs/size_plan.md"
    )


def test_the_readme_has_every_command(repository: Path) -> None:
    page = read(repository, "README.md")
    rows = [line for line in page.splitlines() if line.startswith("| `perceiver ")]
    named = re.findall(r"`perceiver (\w+)", " ".join(rows))
    assert sorted(named) == sorted(row.name for row in cli.COMMANDS)


@pytest.mark.parametrize(
    "page", ["README.md", "docs/data_path.md", "docs/serving.md", "docs/your_data.md"]
)
def test_the_tables_of_tasks_are_complete(repository: Path, page: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", read(repository, page), re.M)
    assert sorted(set(rows) - SIGNATURES) == sorted(registry.names())


@pytest.mark.parametrize("name", registry.names())
def test_the_table_of_signatures_is_the_served_one(repository: Path, name: str) -> None:
    """What `serving_default` takes, by the task's own words for it."""
    row = re.search(rf"^\| `{name}` \|(.*)\|(.*)\|$", read(repository, "docs/serving.md"), re.M)
    task = registry.get(name)
    needed = task.serving.spec(task.preset("tiny").config)
    assert set(needed) <= set(re.findall(r"`(\w+)`", row[1]))


@pytest.mark.parametrize("page", PAGES)
def test_paths_that_a_page_names_exist(repository: Path, page: str) -> None:
    text = read(repository, page)
    named = set(re.findall(r"`([a-z_][a-z0-9_/]*(?:\.py|/))`", text)) - ELSEWHERE
    places = [repository / place for place in PLACES]
    missing = {name for name in named if not any((place / name).exists() for place in places)}
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    missing |= {link for link in links if not (repository / page).parent.joinpath(link).exists()}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES)
def test_modules_and_names_that_a_page_imports_exist(repository: Path, page: str) -> None:
    text = read(repository, page)
    named = set(re.findall(r"\bperceiver_keras(?:\.[A-Za-z_]\w*)+", text))
    for module, names in re.findall(
        r"^ *from (perceiver_keras[\w.]*) import ([^#\n]+)", text, re.M
    ):
        named |= {f"{module}.{name.split(' as ')[0].strip()}" for name in names.split(",")}
    named |= {f"perceiver_keras.{name}" for name in re.findall(r"\bpk\.([A-Za-z_][\w.]*)", text)}
    assert [name for name in sorted(named) if not found(name)] == []


def found(dotted: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    module, parts = dotted, []
    while True:
        try:
            value = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, part = module.rpartition(".")
            parts.insert(0, part)
    for part in parts:
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True


@pytest.mark.parametrize("page", PAGES)
def test_commands_on_a_page_are_valid(repository: Path, page: str) -> None:
    """Commands, options, tasks, presets and settings, in the lines of code that begin with `perceiver`."""
    code = read(repository, page).replace("\\\n", " ")
    for name, rest in re.findall(r"^(?: {4})?perceiver (\w+)\b(.*)$", code, re.M):
        command = cli.main.get_command(click.Context(cli.main), name)
        assert command is not None, name
        words = shlex.split(rest, comments=True)
        if isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
            assert command is not None, rest
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= options, rest
        if name in ("run", "train", "predict") and words[0] in registry.names():
            task = registry.get(words[0])
            preset = words[words.index("--preset") + 1] if "--preset" in words else "tiny"
            settings = [b for a, b in zip(words, words[1:], strict=False) if a == "--set"]
            task.configure(preset, overrides=settings)


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_a_page_names_exist(repository: Path, page: str) -> None:
    """`data.masking`, `train.init=local`: a key of some task's configuration. Files such as `data.py` are not keys."""
    trees = [
        to_dict(preset.config)
        for name in registry.names()
        for preset in registry.get(name).presets.values()
    ]
    keys = {f"{part}.{key}" for tree in trees for part in tree for key in tree[part]}
    named = re.findall(
        r"`((?:data|model|train|evaluate)\.[a-z_]+)\b[^`(]*`", read(repository, page)
    )
    files = {
        f"{part}.{suffix}"
        for part in ("data", "model", "train", "evaluate")
        for suffix in ("py", "weights")
    }
    assert set(named) - files - keys == set()


def test_the_glossary_s_numbers_are_the_tiny_preset_s(repository: Path) -> None:
    from tensorflow import keras

    task = registry.get("image_classification")
    config = task.preset("tiny").config
    model = task.build(config).build_all()
    encode = config.model.encode
    array = model.preprocess(keras.Input([*config.model.image_size, config.model.channels]))
    values = {
        "B": config.data.batch_size,
        "M": array.shape[1],
        "C": array.shape[2],
        "N": encode.num_latents,
        "D": encode.latent_dim,
        "O": 1,
        "Q": config.model.query_dim,
        "E": config.model.num_classes,
    }
    rows = re.findall(r"^\| (\w) \|.*\| ([\d +]+) \|$", read(repository, "docs/glossary.md"), re.M)
    told = {letter: sum(map(int, sums.split("+"))) for letter, sums in rows}
    assert told == values


def test_the_changelog_begins_with_what_is_not_released(repository: Path) -> None:
    titles = re.findall(r"^## \[(.+?)\]", read(repository, "CHANGELOG.md"), re.M)
    assert titles[0] == "Unreleased"
