"""Every task on two devices against one: the largest difference of a weight after a few steps.

    .venv/bin/python scripts/try_replicas.py [TASK ...] [--steps 4] [--batch 15] [--micro-batches 1] [--random]

The batch is odd, so the two devices (of the CPU) can't share it equally; with --micro-batches they train on that many
parts of it per step, while the one device still gets it whole. What is drawn at random per replica is turned off:
dropout, and the masks of a clip's label; --random leaves it on. Prints one line of JSON for each task.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any


def without_chance(config: Any) -> Any:
    """The same configuration without dropout and masks of inputs."""
    from perceiver_keras.config_tree import merge, to_dict

    def off(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for key, value in tree.items():
            if key == "mask_probs":
                yield key, dict.fromkeys(value, 0.0)
            elif isinstance(value, Mapping):
                yield key, dict(off(value))
            elif key.endswith("dropout") and value:
                yield key, 0.0

    return merge(config, {"model": dict(off(to_dict(config.model)))})


def weights(
    task: Any, config: Any, data: Any, strategy: Any, steps: int
) -> tuple[list[Any], float]:
    """The weights after some steps on this data, and the mean loss."""
    import tensorflow as tf
    from tensorflow import keras

    from perceiver_keras.training.step import TrainStep, build_model
    from perceiver_keras.training.strategy import Batches

    keras.utils.set_random_seed(0)
    batches = Batches(data, strategy)
    with strategy.scope():
        model = task.build(config)
        build_model(model, batches.spec[0])
        step = TrainStep(task, config, model, strategy)
    batches.go_to(0)
    step.run(batches.iterator, tf.constant(steps), step.freeze.at(0))
    return model.get_weights(), float(step.metrics[0].result())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", metavar="TASK")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=15)
    parser.add_argument("--micro-batches", type=int, default=1)
    parser.add_argument("--random", action="store_true")
    given = parser.parse_args()

    import numpy as np
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from perceiver_keras.config_tree import override
    from perceiver_keras.tasks import registry
    from perceiver_keras.tasks.batches import TaskData

    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for name in given.tasks or registry.names():
        task, parts = registry.get(name), given.micro_batches
        whole = override(
            task.preset("tiny").config, f"data.batch_size={given.batch}", "data.max_examples=120",
            "train.warmup_steps=2",
        )  # fmt: skip
        whole = whole if given.random else without_chance(whole)
        size = given.batch // parts
        small = override(whole, f"data.batch_size={size}", f"train.gradient_accumulation={parts}")
        data = TaskData(task, whole).train_batches()
        split = data if parts == 1 else data.unbatch().batch(size, drop_remainder=True)
        ours, loss = weights(task, whole, data, tf.distribute.get_strategy(), given.steps)
        theirs, other = weights(task, small, split, two, given.steps)
        worst = max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
        told = {"task": name, "weights": worst, "loss": [loss, other]}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
