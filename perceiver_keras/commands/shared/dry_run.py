"""`--dry-run`: what `train` or `run` would do, and what it would take. Nothing is trained or written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from perceiver_keras.commands.shared.describe import word
from perceiver_keras.commands.shared.origins import origins
from perceiver_keras.commands.shared.output import say, table
from perceiver_keras.config import learns_vocabulary
from perceiver_keras.errors import PerceiverError

if TYPE_CHECKING:
    from perceiver_keras.commands.shared.choose import Chosen
    from perceiver_keras.config import TaskConfig
    from perceiver_keras.tasks.task import Task

SPLITS = ("train", "validation", "test")
MOST_CLASSES = 12  # that are listed
# A step that would take longer, by the speed of matrix products, is not tried.
LONGEST_STEP = 5.0  # seconds

dry_run_option = click.option(
    "--dry-run",
    "only_say",
    is_flag=True,
    help="Only say what would be done: data, settings, size, memory, time. Nothing is written.",
)


def facts(
    task: Task, chosen: Chosen, preset: str, overrides: tuple[str, ...], seed: int | None
) -> dict[str, Any]:
    """All that a dry run says, as plain values: `task`, `preset`, `data`, `settings`, `cost`, `time`.

    Raises:
      UsageError, PerceiverError: what `train` would raise about its data and settings before its first step.
    """
    data = data_facts(task, chosen.config, chosen.found)
    config = with_batch_sizes(task, chosen, preset, data)
    cost = cost_facts(task, config)
    return {
        "task": task.name,
        "preset": preset,
        "data": data,
        "settings": [
            origin._asdict()
            for origin in origins(task, preset, chosen.layers, overrides, seed, config)
        ],
        "cost": cost,
        "time": time_facts(task, config, data, cost),
    }


# === The parts ===


def with_batch_sizes(task: Task, chosen: Chosen, preset: str, data: dict[str, Any]) -> TaskConfig:
    """The configuration with numbers in place of "auto" batch sizes, as training would choose them now."""
    from perceiver_keras.training import fit_memory

    config = chosen.config
    if not fit_memory.is_auto(config) or learns_vocabulary(config):
        return config
    known = (task.configure(preset, chosen.layers), task.preset(preset).config)
    counts = [data["splits"][name]["examples"] for name in ("train", "validation")]
    most = fit_memory.limits(known, *counts)
    return fit_memory.settle(task, config, most=most, say=lambda told: say(f"  {told}"))


def data_facts(task: Task, config: TaskConfig, found: Any) -> dict[str, Any]:
    """The data set: its splits with their numbers of examples (None if unknown), its classes, if it is prepared."""
    from perceiver_keras.data.store import source

    about: dict[str, Any] = {"dataset": config.data.dataset}
    folder = source.data_folder(config.data.data_dir)
    if found is not None:
        about["found"] = {what: text for what, text in found.rows()}
    try:
        builder = source.open_builder(config.data.dataset, config.data.data_dir, prepare=False)
    except PerceiverError:
        if not hasattr(found, "in_split"):
            raise
        builder = None  # the user's own files, not prepared yet
    if builder is None:
        labels = None if found.labels is None else list(found.labels)
        sizes = {name: len(found.in_split(name)) for name in SPLITS}
    else:
        labels = source.label_names(builder, task.examples.label_of(config))
        sizes = {name: _size(builder, getattr(config.data, f"{name}_split")) for name in SPLITS}
    task.examples.check_dataset(labels, config)
    limit = config.data.max_examples
    return about | {
        "folder": folder,
        "prepared": builder is not None and (is_mixture(builder) or builder.is_prepared()),
        "splits": {
            name: {
                "split": getattr(config.data, f"{name}_split"),
                "examples": size if size is None or limit is None else min(size, limit),
            }
            for name, size in sizes.items()
        },
        "classes": labels,
    }


def is_mixture(builder: Any) -> bool:
    return hasattr(builder, "parts")


def _size(builder: Any, split: str) -> int | None:
    """The number of examples of a split expression; None for a data set that is not prepared."""
    from perceiver_keras.data.store.records import builder_records

    if is_mixture(builder):
        return sum(builder.counts(split)) if all(p.is_prepared() for p in builder.parts) else None
    return builder_records(builder, split).num_examples if builder.is_prepared() else None


def cost_facts(task: Task, config: TaskConfig) -> dict[str, Any] | None:
    """The cost of the model and of a step, in bytes and FLOPs; None while a vocabulary is still to be trained."""
    import dataclasses

    from perceiver_keras.training import cost
    from perceiver_keras.training.fit_memory import budget
    from perceiver_keras.training.free_memory import free_memory

    if learns_vocabulary(config):
        return None
    found, free = cost.estimate(task, config), free_memory()
    return dataclasses.asdict(found) | {
        "free": free and free.size,
        "free_where": free and free.where,
        "fits": max(found.training, found.evaluation) <= budget(free),
        "example": found.example,
        "evaluation_example": found.evaluation_example,
        "step_flops": found.training_flops * found.batch_size * config.train.gradient_accumulation,
    }


def time_facts(
    task: Task, config: TaskConfig, data: dict[str, Any], cost: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Seconds of training, and how they were found out; None if the cost is unknown."""
    from perceiver_keras.training import speed

    if cost is None:
        return None
    products = speed.measure_products(config.train.precision)
    start, step, steps = 0.0, cost["step_flops"] / products, 0
    if data["prepared"] and cost["fits"] and step <= LONGEST_STEP:
        from perceiver_keras.tasks.batches import TaskData

        start, step, steps = speed.measure_steps(
            task, config, TaskData(task, config).train_batches()
        )
    train = config.train
    per_example = step / (3 * cost["batch_size"] * train.gradient_accumulation)
    judged = data["splits"]["validation"]["examples"] or 0
    evaluations = -(-train.steps // train.evaluate_every)
    evaluating = evaluations * judged * per_example
    return {
        "method": "steps" if steps else "products",
        "measured_steps": steps,
        "products_flops_per_second": products,
        "start_seconds": start,
        "step_seconds": step,
        "training_seconds": train.steps * step,
        "evaluation_seconds": evaluating,
        "seconds": start + train.steps * step + evaluating,
    }


# === For people ===


def show(known: dict[str, Any], config: TaskConfig) -> None:
    """Prints the facts."""
    data, cost, time = known["data"], known["cost"], known["time"]
    say("A dry run: nothing is trained, and nothing is written to the run folder.")
    say("\nData")
    for what, text in data.get("found", {"data": data["dataset"]}).items():
        say(f"  {what:<12} {text}")
    if not data["prepared"]:
        say(f"  not prepared yet: it is prepared on first use, in {data['folder']}")
    rows = [
        (f"  {name}", split["split"], "unknown" if split["examples"] is None else split["examples"])
        for name, split in data["splits"].items()
    ]
    say(table(("  SPLIT", "READ AS", "EXAMPLES"), rows))
    if data["classes"] and "found" not in data:
        listed = ", ".join(data["classes"][:MOST_CLASSES])
        more = ", …" if len(data["classes"]) > MOST_CLASSES else ""
        say(f"  {len(data['classes']):,} classes: {listed}{more}")

    changed = [s for s in known["settings"] if not s["source"].startswith("preset ")]
    say(f"\nSettings, where they differ from the preset {known['preset']}")
    rows = [(f"  {s['key']}", word(s["value"]), word(s["preset"]), s["source"]) for s in changed]
    say(table(("  SETTING", "VALUE", "PRESET", "FROM"), rows) if rows else "  none")
    say(f"  `perceiver config {known['task']}` with the same options prints all of them")

    say("\nModel and training")
    if cost is None:
        say("  unknown until a vocabulary has been trained on the data")
        return
    train, examples = config.train, data["splits"]["train"]["examples"]
    seen = train.steps * cost["batch_size"] * train.gradient_accumulation
    epochs = f", {seen / examples:,.1f} times the training split" if examples else ""
    state = cost["state"] - cost["weights"]
    tight = "" if cost["fits"] else ": it may not fit; --set data.batch_size=auto finds what does"
    rows = [
        ("parameters", f"{cost['parameters']:,}"),
        ("FLOPs", f"{si(cost['flops'])} per example forward, {si(cost['step_flops'])} per step"),
        ("training", f"{train.steps:,} steps of {seen // train.steps:,} examples{epochs}"),
        (
            "memory",
            f"training {mib(cost['training'])} at batch {cost['batch_size']}: weights {mib(cost['weights'])}, "
            f"optimizer {mib(state)}, {mib(cost['example'])} per example",
        ),
        (
            "",
            f"evaluation {mib(cost['evaluation'])} at batch {cost['evaluation_batch_size']}: "
            f"{mib(cost['evaluation_example'])} per example",
        ),
        *(
            [("", f"{mib(cost['free'])} free ({cost['free_where']}){tight}")]
            if cost["free"]
            else []
        ),
        ("time", f"{duration(time['seconds'])} to train, by {method(time)}"),
    ]
    for what, text in rows:
        say(f"  {what:<12} {text}")


def method(time: dict[str, Any]) -> str:
    """How the time was found out."""
    if time["method"] == "steps":
        each = f"{time['step_seconds'] * 1000:.3g} ms"
        return f"{time['measured_steps']} real steps just now ({each} each), evaluation as a third of a step"
    rate = si(time["products_flops_per_second"])
    return f"the step's FLOPs at the {rate}/s of plain matrix products here; expect 2 to 5 times as long"


def si(flops: float) -> str:
    """`3.29 MFLOP`."""
    for unit in ("", "k", "M", "G", "T", "P", "E"):
        if flops < 1000 or unit == "E":
            return f"{flops:.3g} {unit}FLOP"
        flops /= 1000
    raise AssertionError


def mib(size: float) -> str:
    """`22.3 MiB`."""
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{size / 2**20:.3g} MiB"


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`, `12 days`."""
    if seconds < 100:
        return f"about {seconds:.0f} s"
    if seconds < 100 * 60:
        return f"about {seconds / 60:.0f} min"
    if seconds < 100 * 3600:
        return f"about {seconds / 3600:.3g} h"
    return f"about {seconds / 86400:,.3g} days"
