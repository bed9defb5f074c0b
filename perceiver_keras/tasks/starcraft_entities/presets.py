"""Settings of the entity encoder: what can be set, and the named settings with their source."""

from __future__ import annotations

from perceiver_keras import config as c
from perceiver_keras.tasks.task import Preset

# === What can be set ===


@c.frozen()
class EntityEncoderConfig(c.PerceiverConfig):
    """The model: F numbers per entity, embedded in `channels`; embeddings have `decode.output_dim` channels."""

    max_entities: int  # most per stored example; the model takes any number [entities]
    features: tuple[str, ...]  # names of the F numbers of an entity
    channels: int  # numbers per embedded entity [channels]


@c.frozen()
class EntityTrain(c.TrainConfig):
    winner_weight: float = 1.0  # weight of the outcome's cross-entropy; the target's is 1 [factor]


@c.frozen()
class StarcraftEntitiesConfig(c.TaskConfig):
    model: EntityEncoderConfig
    train: EntityTrain


# === Presets ===


TINY = StarcraftEntitiesConfig(
    data=c.DataConfig(dataset="perceiver_battles", shuffle_buffer=8000),
    model=EntityEncoderConfig(
        max_entities=10,
        features=("archer", "soldier", "cannon", "enemy", "acting", "health", "share", "x", "y"),
        channels=64,
        encode=c.EncodeConfig(
            num_latents=16, latent_dim=64, num_cross_attention_heads=4, widening_factor=2
        ),
        process=c.ProcessConfig(
            num_self_attention_layers=2, num_self_attention_heads=4, widening_factor=2
        ),
        decode=c.DecodeConfig(
            num_cross_attention_heads=4, use_query_residual=True, widening_factor=2, output_dim=64
        ),
    ),
    train=EntityTrain(
        steps=1500,
        learning_rate=4e-3,
        warmup_steps=100,
        clip_norm=10.0,
        weight_decay=0.01,
        ema_decay=0.99,
    ),
    evaluate=c.EvaluateConfig(
        thresholds={"target_accuracy": 0.9, "winner_accuracy": 0.85}, batch_size=500
    ),
)
PRESETS = {
    "tiny": Preset(config=TINY, source="ours: moments of simulated battles"),
    "starcraft_entities": Preset(
        config=StarcraftEntitiesConfig(
            data=c.DataConfig(dataset="starcraft_replays", batch_size=512),
            model=EntityEncoderConfig(
                max_entities=512,
                features=tuple(f"feature_{i}" for i in range(256)),
                channels=128,
                encode=c.EncodeConfig(
                    num_latents=32, latent_dim=128, num_cross_attention_heads=2, widening_factor=8
                ),
                process=c.ProcessConfig(
                    num_self_attention_layers=3, num_self_attention_heads=2, widening_factor=8
                ),
                decode=c.DecodeConfig(
                    num_cross_attention_heads=2,
                    use_query_residual=True,
                    widening_factor=8,
                    output_dim=256,
                ),
            ),
            train=EntityTrain(
                steps=137_625,
                learning_rate=2e-3,
                schedule="constant_then_cosine",
                weight_decay=0.1,
                clip_norm=10.0,
                evaluate_every=5000,
                checkpoint_every=1000,
            ),
            evaluate=c.EvaluateConfig(thresholds={"target_accuracy": 0.5}, batch_size=256),
        ),
        source="paper Sec. 4.4 and Tab. 9: 32 latents, 3 layers, heads, widths and output of the "
        "Transformer it replaces, optimizer as ImageNet's; 256 numbers an entity and batch are ours",
    ),
}
