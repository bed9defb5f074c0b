"""Tag every byte of Python's source code as Python's own tokenizer does.

python examples/token_classification.py                 # minutes on two CPU cores
python examples/token_classification.py --steps 20      # a quick look
"""

from __future__ import annotations

import argparse
from pathlib import Path

import perceiver_keras as pk
from perceiver_keras.config_tree import override
from perceiver_keras.evaluate import evaluate
from perceiver_keras.progress import Progress
from perceiver_keras.tasks import registry
from perceiver_keras.tasks.batches import TaskData
from perceiver_keras.train import fit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--folder", type=Path, default=Path("runs/example_tokens"))
    args = parser.parse_args()

    task = registry.get("token_classification")
    config = override(task.preset("tiny").config, f"train.steps={args.steps}")
    data = TaskData(task, config)
    with Progress(total=config.train.steps, label="tokens") as progress:
        trained = fit(
            task,
            config,
            data.train_batches(),
            data.eval_batches("validation"),
            state_dir=args.folder / "training",
            progress=progress,
        )
    print("test:", evaluate(task, config, trained.model, data.eval_batches("test")))
    print("the commonest tag:", task.measures.baseline(data.eval_batches("test"), config))

    model = pk.load(trained.model.save_to_preset(args.folder / "preset", task_config=config))
    for entity in model.tag(["for i in range(10): total += i  # a sum"])[0]:
        print(f"  {entity['entity']:10} {entity['score']:6.1%}  {entity['word']}")


if __name__ == "__main__":
    main()
