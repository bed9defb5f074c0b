"""On bytes, Perceiver IO beats a Transformer of equal FLOPs, and equals one on SentencePiece (paper, Tab. 1)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from perceiver_keras.miniature.claim import Arm, Claim, Measured, Records, Shows, by_seed
from perceiver_keras.miniature.language import GLUE, MLM, QUICK, finetuned, pretrained
from perceiver_keras.miniature.outcome import Outcome, at_least
from perceiver_keras.miniature.trial import counted, tested
from perceiver_keras.tasks.model import load

MARGIN = 0.01  # of the average: the paper's rows differ by 0.002
TRANSFORMER = {
    "mlm/model.backbone": "transformer",
    "mlm/model.transformer.num_layers": 2,
    "mlm/model.transformer.width": 96,
}
PIECES = {
    "mlm/preset": "tiny_sentencepiece",
    "mlm/data.masking": "tokens",
    "mlm/model.length": 24,
}
ARMS = (
    Arm("perceiver", {**MLM, **GLUE}, "Perceiver IO, bytes"),
    Arm("transformer", {**MLM, **GLUE, **TRANSFORMER}, "Transformer, bytes"),
    Arm(
        "transformer_pieces",
        {**MLM, **GLUE, **TRANSFORMER, **PIECES, "mlm/model.transformer.width": 160},
        "Transformer, SentencePiece",
    ),
)


def measure(arm: Arm, seed: int, folder: Path, progress: Shows) -> Measured:
    """A language model, judged on masked tokens, then GLUE's stand-in tasks from it."""
    start = pretrained(arm, seed, folder, progress)
    told = tested(start.task, start.config, load(start.folder))
    glue = finetuned(arm, seed, start, folder, progress)
    cost = counted(start.task, start.config)
    return dataclasses.replace(
        glue,
        numbers={
            **glue.numbers,
            "mlm_accuracy": told["accuracy"],
            "mlm_bits": told["bits_per_token"],
        },
        cost={**cost, **{f"glue_{name}": value for name, value in glue.cost.items()}},
        curves={"mlm": start.history, **start.tuning.curves, **glue.curves},
        chosen={**start.tuning.chosen, **glue.chosen},
    )


def judge(records: Records) -> Outcome:
    """Better than the Transformer on bytes in both tasks, and as good as the one on SentencePiece in GLUE's."""
    average, accuracy = (
        {arm.name: by_seed(records, arm.name, number) for arm in ARMS}
        for number in ("glue_average", "mlm_accuracy")
    )
    return Outcome(
        statements=(
            at_least(
                "accuracy on masked bytes, Perceiver minus Transformer, is above 0",
                accuracy["perceiver"],
                accuracy["transformer"],
                percent=True,
            ),
            at_least(
                "average of the eight tasks, Perceiver minus Transformer on bytes, is above 0",
                average["perceiver"],
                average["transformer"],
                percent=True,
            ),
            at_least(
                f"average, Perceiver on bytes minus Transformer on SentencePiece, is above {-100 * MARGIN:g}",
                average["perceiver"],
                average["transformer_pieces"],
                margin=-MARGIN,
                percent=True,
            ),
        )
    )


CLAIM = Claim(
    name="bytes",
    title="On bytes, at equal FLOPs, Perceiver IO beats a Transformer",
    paper="Tab. 1 and 14",
    statement="GLUE averages 81.0 for Perceiver IO on bytes, 71.5 for a BERT on bytes of about the same FLOPs, and "
    "81.1 for BERT Base on SentencePiece.",
    miniature="masked language models on Python's documentation, 64 bytes or 24 pieces of about as much text, then "
    "the eight stand-in tasks from their weights. All start with local attention (`train.init=local`), which is not "
    "in the paper. The models take the same counted FLOPs per training step, within 5 %; in the eight tasks, which "
    "have one output, the Transformer on bytes takes half as many again as the Perceiver.",
    minutes=24,
    reading="The first statement does not hold: the Transformer is right about 7 points more of the masked "
    "bytes. Our reading, which was not tried: in the paper there are 2,048 bytes, and at equal FLOPs a "
    "Transformer on all of them must be shallow or narrow; of 64 bytes it reads each at every layer for "
    "the same price, while 32 latents must hold two bytes each. In the eight tasks seeds differ more "
    "than models.",
    arms=ARMS,
    measure=measure,
    judge=judge,
    metric="glue_average",
    unit="%",
    percent=True,
    quick=QUICK,
)
