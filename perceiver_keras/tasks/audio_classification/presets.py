"""Settings of audio classification: what can be set, and the named settings with their source."""

from __future__ import annotations

from perceiver_keras import config as c
from perceiver_keras.tasks.task import Preset

# === What can be set ===


@c.frozen()
class RawSound:
    """The elements are patches of samples."""

    samples_per_patch: int = 128  # length of a patch of sound [samples]
    bands: int  # frequencies of the positions of patches [bands]


@c.frozen()
class MelSound:
    """The elements are square patches of a log-mel spectrogram."""

    bins: int  # mel frequencies [bins]
    window: int  # length of a window [samples]
    hop: int  # from one window to the next [samples]
    patch: int = 1  # side, in windows and in bins [bins]
    bands: int  # frequencies of the positions of patches [bands]


@c.frozen()
class Film:
    """The frames that go with the sound, 25 per second."""

    num_frames: int  # frames that the model sees at once [frames]
    image_size: tuple[int, ...]  # height, width [pixels]
    temporal_patch: int = 2  # length of a patch in time [frames]
    spatial_patch: int = 8  # side of a patch [pixels]
    bands: int  # frequencies per dimension of the positions of patches [bands]


@c.frozen()
class AudioClassifierConfig(c.PerceiverConfig):
    num_samples: int  # samples that the model hears at once [samples]
    sample_rate: int  # rate of the sound; others are resampled [Hz]
    sound: RawSound | MelSound  # how the sound becomes elements
    film: Film | None = None  # the frames that go with the sound; null: the model only hears
    num_classes: int  # classes, of which several may be right at once [classes]
    query_dim: int  # Q, numbers of the learned query [channels]
    input_padding: int = 4  # least padding of each input modality [channels]


@c.frozen()
class AudioData(c.DataConfig):
    """What is stored, and in how many windows a long sound is served."""

    max_labels: int  # most per stored example; unused places hold -1 [labels]
    # Frames of a stored example; null: as many as the model takes [frames]
    stored_frames: int | None = None
    # A sound longer than the model's is served in at least this many windows, which may overlap; their probabilities
    # are averaged [windows]
    windows: int = 1


@c.frozen()
class AudioClassificationConfig(c.TaskConfig):
    data: AudioData
    model: AudioClassifierConfig


# === Presets ===


TINY = AudioClassificationConfig(
    data=AudioData(dataset="perceiver_sounds", max_labels=3, shuffle_buffer=2400),
    model=AudioClassifierConfig(
        num_samples=5120,
        sample_rate=8000,
        sound=MelSound(bins=32, window=256, hop=128, patch=4, bands=8),
        num_classes=8,
        query_dim=64,
        encode=c.EncodeConfig(
            num_latents=16, latent_dim=64, num_cross_attention_heads=4, qk_dim=64, v_dim=64
        ),
        process=c.ProcessConfig(num_self_attention_layers=3, num_self_attention_heads=4),
        decode=c.DecodeConfig(),
    ),
    train=c.TrainConfig(
        steps=500,
        learning_rate=4e-3,
        warmup_steps=100,
        clip_norm=10.0,
        weight_decay=0.01,
        ema_decay=0.99,
        evaluate_every=250,
    ),
    evaluate=c.EvaluateConfig(thresholds={"mean_average_precision": 0.9}, batch_size=200),
)


def _audioset(
    sound: RawSound | MelSound, latent_dim: int, least: float
) -> AudioClassificationConfig:
    return AudioClassificationConfig(
        data=AudioData(
            dataset="audioset_folder", max_labels=16, stored_frames=250, windows=16, batch_size=512
        ),
        model=AudioClassifierConfig(
            num_samples=61_440,
            sample_rate=48_000,
            sound=sound,
            film=Film(num_frames=32, image_size=(224, 224), bands=16),
            num_classes=527,
            query_dim=1024,
            # As wide as the latents: this gives the paper's 25.0M and 88.2M parameters.
            encode=c.EncodeConfig(num_latents=512, latent_dim=latent_dim, shape_for_attention="q"),
            process=c.ProcessConfig(num_self_attention_layers=12, num_self_attention_heads=8),
            decode=c.DecodeConfig(),
        ),
        train=c.TrainConfig(
            steps=400_000,
            learning_rate=1e-3,
            clip_norm=10.0,
            weight_decay=0.1,
            schedule="constant_then_cosine",
            precision="mixed_bfloat16",
            evaluate_every=5000,
            checkpoint_every=1000,
        ),
        evaluate=c.EvaluateConfig(thresholds={"mean_average_precision": least}, batch_size=64),
    )


_OURS = "heads, bands, decoder's query, batch and optimizer are ours"
PRESETS = {
    "tiny": Preset(config=TINY, source="ours: mixtures of synthetic sounds, heard only"),
    "audioset_raw": Preset(
        config=_audioset(RawSound(samples_per_patch=128, bands=64), 512, 0.35),
        source=f"paper Tab. 5 and 10, raw audio + video: 43.3 mAP; {_OURS}",
    ),
    "audioset_mel": Preset(
        config=_audioset(MelSound(bins=80, window=2048, hop=1024, bands=64), 1024, 0.35),
        source=f"paper Tab. 5 and 10, mel + video: 44.9 mAP; {_OURS}, "
        "and that the 4,800 elements are 60 windows of 80 bins",
    ),
}
