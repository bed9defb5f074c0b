"""Counters and latencies in Prometheus's text form, under TensorFlow Serving's names, labels and buckets."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable

# Microseconds: TensorFlow Serving's, of scale 10 and power 1.8.
BUCKETS = tuple(10 * 1.8**power for power in range(33))
MAX_SERIES = 1000  # per metric: a label that clients choose must not fill the memory


class Counter:
    """A number per combination of labels that only grows."""

    kind = "counter"

    def __init__(self, name: str, *labels: str) -> None:
        self.name, self.labels = name, labels
        self._values: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def add(self, *labels: str, by: float = 1) -> None:
        """Adds to the series of these labels."""
        with self._lock:
            if labels in self._values or len(self._values) < MAX_SERIES:
                self._values[labels] = self._values.get(labels, 0) + by

    def lines(self) -> list[str]:
        """The samples, without their type."""
        with self._lock:
            values = sorted(self._values.items())
        return [f"{self.name}{_braces(self.labels, key)} {value}" for key, value in values]


class Histogram(Counter):
    """How often a value fell into each of `BUCKETS`, per combination of labels."""

    kind = "histogram"

    def __init__(self, name: str, *labels: str) -> None:
        super().__init__(name, *labels)
        self._series: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}

    def observe(self, value: float, *labels: str) -> None:
        """Adds one value to the series of these labels."""
        with self._lock:
            if labels not in self._series:
                if len(self._series) >= MAX_SERIES:
                    return
                self._series[labels] = ([0] * (len(BUCKETS) + 1), [0.0])
            counts, total = self._series[labels]
            counts[bisect.bisect_left(BUCKETS, value)] += 1
            total[0] += value

    def lines(self) -> list[str]:
        """The samples, without their type."""
        with self._lock:
            series = sorted(
                (key, list(counts), total[0]) for key, (counts, total) in self._series.items()
            )
        lines = []
        for key, counts, total in series:
            so_far = 0
            for edge, count in zip((*map("{:g}".format, BUCKETS), "+Inf"), counts, strict=True):
                so_far += count
                braces = _braces((*self.labels, "le"), (*key, edge))
                lines.append(f"{self.name}_bucket{braces} {so_far}")
            braces = _braces(self.labels, key)
            lines += [
                f"{self.name}_sum{braces} {total:.17g}",
                f"{self.name}_count{braces} {so_far}",
            ]
        return lines


class Gauge(Counter):
    """A number that is asked for when the page is made."""

    kind = "gauge"

    def __init__(self, name: str, value: Callable[[], float]) -> None:
        super().__init__(name)
        self._value = value

    def lines(self) -> list[str]:
        """The sample, without its type."""
        return [f"{self.name} {self._value()}"]


class Metrics:
    """What this server counts."""

    def __init__(self) -> None:
        prefix = ":tensorflow:serving:"
        of_request = ("model_name", "API", "entrypoint")
        self.requests = Counter(prefix + "request_count", "model_name", "status")
        self.latency = Histogram(prefix + "request_latency", *of_request)
        self.runtime = Histogram(prefix + "runtime_latency", "model_name", "API", "runtime")
        self.examples = Counter(prefix + "request_example_count_total", "model")
        self.batches = Counter(prefix + "batching_session:wrapped_run_count")
        self.batched_rows = Counter(prefix + "batching_session:processed_rows", "model_name")
        self.queueing = Histogram(prefix + "batching_session:queuing_latency", "model_name")
        self.loads = Counter(prefix + "model_load_count", "model_name", "status")
        self.warmup = Histogram(prefix + "model_warmup_latency", "model_name", "status")
        self.gauges: list[Gauge] = []

    def page(self) -> str:
        """All of it in Prometheus's text form."""
        lines = []
        for metric in (*(m for m in vars(self).values() if isinstance(m, Counter)), *self.gauges):
            lines += [f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
        return "\n".join(lines) + "\n"


def _braces(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}" if names else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
