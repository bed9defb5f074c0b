"""Metrics, read back by Prometheus's own parser."""

from __future__ import annotations

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from perceiver_keras.server.metrics import BUCKETS, MAX_SERIES, Counter, Gauge, Metrics


def families(metrics: Metrics) -> dict:
    return {f.name: f for f in text_string_to_metric_families(metrics.page())}


def test_names_labels_and_numbers() -> None:
    metrics = Metrics()
    metrics.requests.add("a", "OK")
    metrics.requests.add("a", "OK", by=2)
    metrics.requests.add('q"\\\n', "NOT_FOUND")
    metrics.gauges.append(Gauge(":tensorflow:serving:queued_requests", lambda: 4))
    found = families(metrics)
    samples = found[":tensorflow:serving:request_count"].samples
    assert {tuple(s.labels.values()): s.value for s in samples} == {
        ("a", "OK"): 3,
        ('q"\\\n', "NOT_FOUND"): 1,
    }
    assert found[":tensorflow:serving:queued_requests"].samples[0].value == 4


def test_large_counts_keep_their_digits() -> None:
    metrics, count = Metrics(), 123_456_789
    metrics.batches.add(by=count)
    metrics.batches.add()
    metrics.gauges += [Gauge("of_bytes", lambda: count), Gauge("of_seconds", lambda: 1234567.75)]
    found = families(metrics)
    assert found[metrics.batches.name].samples[0].value == count + 1
    assert found["of_bytes"].samples[0].value == count
    assert found["of_seconds"].samples[0].value == 1234567.75


def test_a_histogram_counts_up_to_each_bound() -> None:
    metrics, values = Metrics(), [1.0, 10.0, 11.0, 1e5, 1e30]
    for value in values:
        metrics.latency.observe(value, "a", "Predict", "REST")
    samples = families(metrics)[":tensorflow:serving:request_latency"].samples
    buckets = [(float(s.labels["le"]), s.value) for s in samples if s.name.endswith("_bucket")]
    assert len(buckets) == len(BUCKETS) + 1 == 34
    assert all(count == sum(v <= bound * (1 + 1e-5) for v in values) for bound, count in buckets)
    by_name = {s.name.rsplit("_", 1)[1]: s.value for s in samples}
    assert by_name["count"] == 5
    np.testing.assert_allclose(by_name["sum"], sum(values))


def test_labels_that_clients_invent_do_not_fill_the_memory() -> None:
    counter = Counter("c", "name")
    for index in range(MAX_SERIES + 50):
        counter.add(str(index))
    counter.add("0")
    assert len(counter.lines()) == MAX_SERIES and 'c{name="0"} 2' in counter.lines()
