"""Which change of code trains which task anew: real files, changed in a copy of the repository's packages."""

from __future__ import annotations

import modulefinder
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_keras.pipeline import code
from perceiver_keras.tasks import registry

TASKS = registry.names()
ALL, NONE = set(TASKS), set()


def fingerprints() -> dict[str, str]:
    return {task: code.code_fingerprint(task) for task in TASKS}


def differing(one: dict[str, str], other: dict[str, str]) -> set[str]:
    return {task for task in TASKS if one[task] != other[task]}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("module", ["data", "model"])
def test_a_change_in_a_tasks_folder_reaches_that_task_alone(changed, task, module) -> None:
    before = fingerprints()
    with changed(f"perceiver_keras/tasks/{task}/{module}.py"):
        assert differing(before, fingerprints()) == {task}
    assert fingerprints() == before


@pytest.mark.parametrize(
    ("path", "tasks"),
    [
        ("perceiver_keras/data/flow/augment.py", {"optical_flow"}),
        ("perceiver_keras/preprocess/entities.py", {"starcraft_entities"}),
        ("perceiver_keras/tasks/language_mlm/ngrams.py", {"language_mlm"}),
        ("perceiver_keras/tasks/shared/tokens.py", {"language_mlm", "glue", "text_classification"}),
        ("perceiver_keras/training/step.py", ALL),
        ("perceiver_keras/training/__init__.py", ALL),
        ("perceiver_keras/training/warm_start.py", ALL),
        ("perceiver_keras/layers/attention.py", ALL),
        ("perceiver_keras/encode.py", ALL),
        ("perceiver_keras/tasks/batches.py", ALL),
        ("perceiver_keras/metrics/columns.py", ALL),
        ("perceiver_keras/export.py", ALL),
        ("perceiver_keras/signatures.py", ALL),
        ("pipeline/user_module.py", ALL),
        ("components/model/transform_graph.py", ALL),
        # What only shows, says or measures a model that is trained.
        ("perceiver_keras/training/board.py", NONE),
        ("perceiver_keras/progress.py", NONE),
        ("perceiver_keras/serve.py", NONE),
        ("perceiver_keras/reproduce.py", NONE),
        ("perceiver_keras/claims.py", NONE),
        ("perceiver_keras/show/report.py", NONE),
        ("perceiver_keras/show/curves.py", NONE),
        ("perceiver_keras/show/__init__.py", NONE),
        ("perceiver_keras/tasks/registry.py", NONE),
        ("perceiver_keras/tasks/glue/submission.py", NONE),
        ("perceiver_keras/tasks/optical_flow/benchmark.py", NONE),
        ("perceiver_keras/commands/train.py", NONE),
        ("components/report_gen.py", NONE),
        ("pipeline/record.py", NONE),
    ],
)
def test_a_change_elsewhere_reaches_the_tasks_that_train_with_it(changed, path, tasks) -> None:
    before = fingerprints()
    with changed(path):
        assert differing(before, fingerprints()) == tasks


def test_a_moved_file_counts_as_changed(checkout: Path) -> None:
    before = fingerprints()
    file, folder = (
        checkout / "perceiver_keras/data/flow/augment.py",
        checkout / "perceiver_keras/data/flow/augment",
    )
    folder.mkdir()
    file.rename(folder / "__init__.py")  # the same name to import, the same content
    code.code_fingerprint.cache_clear()
    assert differing(before, fingerprints()) == {"optical_flow"}
    (folder / "__init__.py").rename(file)
    folder.rmdir()
    code.code_fingerprint.cache_clear()
    assert fingerprints() == before


def test_the_training_state_moves_with_the_code_of_its_own_task(changed, tmp_path: Path) -> None:
    from perceiver_keras.pipeline.settings import PipelineSettings

    made = {task: PipelineSettings.create(task, run_dir=tmp_path) for task in TASKS}

    def states() -> dict[str, str]:
        return {task: str(settings.training_state("data")) for task, settings in made.items()}

    before = states()
    for path, tasks in (
        ("perceiver_keras/tasks/optical_flow/data.py", {"optical_flow"}),
        ("perceiver_keras/data/flow/augment.py", {"optical_flow"}),
        ("perceiver_keras/training/step.py", ALL),
        ("perceiver_keras/training/board.py", NONE),
    ):
        with changed(path):
            assert differing(before, states()) == tasks, path
    assert states() == before


def test_another_process_finds_the_same_in_another_place(checkout: Path, tmp_path: Path) -> None:
    """The cache outlives the process, and a run folder may be used from another checkout."""
    elsewhere = shutil.copytree(checkout, tmp_path / "elsewhere")
    program = (
        "from perceiver_keras.pipeline import code; print(code.ROOT, code.code_fingerprint('glue'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=elsewhere, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(elsewhere), code.code_fingerprint("glue")]


def test_what_is_installed_is_the_same_code(checkout: Path, tmp_path: Path, monkeypatch) -> None:
    """The wheel has `pipeline/` and `components/` elsewhere; a run folder goes on with either."""
    found, before = {task: code.modules(task) for task in TASKS}, fingerprints()
    site = tmp_path / "site-packages"
    shutil.copytree(checkout / "perceiver_keras", site / "perceiver_keras")
    for package in ("components", "pipeline"):
        shutil.copytree(checkout / package, site / "perceiver_keras" / package)
    # Somebody's own, which is none of ours.
    (site / "pipeline").mkdir()
    (site / "pipeline" / "user_module.py").write_text("import os\n")
    monkeypatch.setattr(code, "ROOT", site)
    code.code_fingerprint.cache_clear()
    assert {task: code.modules(task) for task in TASKS} == found
    assert fingerprints() == before
    code.code_fingerprint.cache_clear()


@pytest.mark.parametrize("task", TASKS)
def test_all_that_a_task_imports_is_counted_as_pythons_own_finder_finds_it(checkout, task) -> None:
    """`modulefinder` reads byte code, imports inside functions included: none of these escapes."""
    modulefinder.AddPackagePath(
        "perceiver_keras", str(checkout)
    )  # as perceiver_keras/checkout.py has it
    finder = modulefinder.ModuleFinder(path=[str(checkout)], excludes=code.IRRELEVANT)
    finder.import_hook("perceiver_keras.pipeline.user_module")
    finder.import_hook(f"perceiver_keras.tasks.{task}")
    files = {Path(found.__file__) for found in finder.modules.values() if found.__file__}
    assert code.modules(task) == {path.relative_to(checkout).as_posix() for path in files}
