"""Confidence intervals in TFMA that are the same in every run, whatever the runner and the number of workers.

TFMA's jackknife puts each example into one of 20 groups at random, and computes every metric 20 times without one
group. Here an example's content determines its group, so nothing depends on the order in which workers see them. The
groups are part of the slice keys (`group_of`), so that TFMA's own fan-out makes the partial sums, and one step computes
all that TFMA spreads over 20 branches of the graph: on the digits, it adds a third of the time that TFMA's adds.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any
from unittest import mock

import apache_beam as beam
from tensorflow_model_analysis.evaluators import confidence_intervals_util, jackknife

GROUP = "perceiver/group"  # the last entry of a slice key, which no result has
GROUPS = 20  # as TFMA's

SliceKey = tuple[tuple[str, Any], ...]


def group_of(record: bytes) -> int:
    """The group of an example, from 0 to 19."""
    return int.from_bytes(hashlib.blake2b(record, digest_size=8).digest(), "big") % GROUPS


def grouped(key: SliceKey, group: int) -> SliceKey:
    """The slice's key in that group."""
    return (*key, (GROUP, group))


@contextlib.contextmanager
def by_content() -> Iterator[None]:
    """While a pipeline is made in here, TFMA's jackknife is this one; its slice keys must be `grouped`."""
    with mock.patch.object(jackknife, "ComputeWithConfidenceIntervals", GroupJackknife):
        yield


class GroupJackknife(beam.PTransform):
    """(grouped slice key, extracts) -> (slice key, metrics with standard errors); arguments as TFMA passes them."""

    def __init__(
        self,
        computations_combine_fn: beam.CombineFn,
        derived_metrics_ptransform: beam.PTransform,
        num_jackknife_samples: int,
        skip_ci_metric_keys: Iterable[Any] | None = None,
        random_seed_for_testing: int | None = None,
    ) -> None:
        super().__init__()
        if num_jackknife_samples != GROUPS:
            raise ValueError(f"TFMA asks for {num_jackknife_samples} groups; there are {GROUPS}.")
        self._combine, self._derive = computations_combine_fn, derived_metrics_ptransform
        self._skipped = skip_ci_metric_keys

    def expand(self, sliced: beam.PCollection) -> beam.PCollection:
        return (
            sliced
            | "SumPerGroup" >> beam.CombinePerKey(jackknife._AccumulateOnlyCombineFn(self._combine))
            | "BySlice" >> beam.Map(_by_slice)
            | "GroupsOfSlice" >> beam.GroupByKey()
            | "LeaveOneOut" >> beam.ParDo(_LeaveOneOut(self._combine))
            | "AddDerivedMetrics" >> self._derive
            | "BySliceAgain" >> beam.MapTuple(_sample)
            | "Errors"
            >> beam.CombinePerKey(jackknife._JackknifeSampleCombineFn(GROUPS, self._skipped))
        )


def _by_slice(item: tuple[SliceKey, Any]) -> tuple[SliceKey, tuple[int, Any]]:
    (*key, (_, group)), sums = item
    return tuple(key), (group, sums)


def _sample(
    key: SliceKey, metrics: dict[Any, Any]
) -> tuple[SliceKey, confidence_intervals_util.SampleMetrics]:
    *key, (_, left_out) = key
    return tuple(key), confidence_intervals_util.SampleMetrics(metrics=metrics, sample_id=left_out)


class _LeaveOneOut(beam.DoFn):
    """(slice key, (group, sums) of each group) -> the metrics of all groups, and of all but one.

    A slice whose examples are all in one group has nothing left without it, and so gets no interval.
    """

    def __init__(self, combine: beam.CombineFn) -> None:
        self._combine = combine

    def setup(self) -> None:
        self._combine.setup()

    def teardown(self) -> None:
        self._combine.teardown()

    def process(
        self, item: tuple[SliceKey, Iterable[tuple[int, Any]]]
    ) -> Iterator[tuple[SliceKey, dict[Any, Any]]]:
        key, groups = item
        sums = dict(sorted(groups, key=lambda group: group[0]))
        everything = self._metrics(sums.values())
        yield grouped(key, jackknife._FULL_SAMPLE_ID), everything
        for group in range(GROUPS):
            others = [one for number, one in sums.items() if number != group]
            if others:
                metrics = self._metrics(others) if group in sums else everything
                yield grouped(key, group), metrics

    def _metrics(self, sums: Iterable[Any]) -> dict[Any, Any]:
        # A merge changes its first argument, which must not be one of the sums.
        merged = self._combine.merge_accumulators([self._combine.create_accumulator(), *sums])
        return dict(self._combine.extract_output(merged))
