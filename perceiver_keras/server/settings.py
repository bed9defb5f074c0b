"""What can be set: TensorFlow Serving's names where it has them, and limits that it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field

LOOPBACK = ("127.0.0.1", "localhost", "::1")
METRICS_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True, kw_only=True)
class Batching:
    """How requests are put together, as in TensorFlow Serving's batching_parameters_file.

    Attributes:
      max_batch_size: Examples per batch. A request that has more is run alone.
      batch_timeout_micros: How long a batch that is not full waits for more, in microseconds. TensorFlow Serving waits
        in any case, this server only while another batch of the same signature is computed.
      max_enqueued_batches: How many full batches may wait per model version; what comes then is refused.
      num_batch_threads: Batches that are computed at the same time. This server computes one per model version; for
        TensorFlow Serving keep 1, as two batches of different sizes can crash it on a CPU.
      allowed_batch_sizes: Batches are filled with copies of their first row up to the next of these; () for any size.
      pad_variable_length_inputs: Whether inputs of different sizes share a batch, filled with their first value.
    """

    max_batch_size: int = 64
    batch_timeout_micros: int = 5000
    max_enqueued_batches: int = 64
    num_batch_threads: int = 1
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False

    def __post_init__(self) -> None:
        least = dict(
            max_batch_size=1, batch_timeout_micros=0, max_enqueued_batches=1, num_batch_threads=1
        )
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                raise ValueError(f"{name}: expected {minimum} or more, got {getattr(self, name)}")
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1):
            raise ValueError(f"allowed_batch_sizes: expected increasing sizes, got {list(sizes)}")
        if sizes and sizes[-1] != self.max_batch_size:
            raise ValueError(
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
                f"{sizes[-1]}; expected {self.max_batch_size}"
            )


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a client may ask for.

    Attributes:
      max_request_bytes: A request, as sent, after decompression, and as tensors.
      request_timeout_seconds: From the first byte of a request to its answer.
      header_timeout_seconds: From a connection, or a request's first byte, to the end of its headers.
      max_header_bytes: A request line with its headers.
      max_connections: HTTP connections at a time.
      max_queued_bytes: Tensors that wait for a batch, of all requests together.
    """

    max_request_bytes: int = 64 << 20
    request_timeout_seconds: float = 30.0
    header_timeout_seconds: float = 10.0
    max_header_bytes: int = 64 << 10
    max_connections: int = 1000
    max_queued_bytes: int = 1 << 30


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model: its name, the folder of its versions, and which of them are served.

    Attributes:
      policy: "latest", "all" or "specific".
      count: How many of the newest, for "latest".
      versions: Their numbers, for "specific".
      labels: {label: version}.
    """

    name: str
    base_path: str
    policy: str = "latest"
    count: int = 1
    versions: tuple[int, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)
