"""From records to batches: the same seed gives the same numbers, whatever the parallelism and however often restarted.

Nothing here keeps a random state. The order of an epoch is a function of (seed, epoch), and what happens to an example
is a function of (seed, epoch, index). Therefore an iterator saved by `tf.train.Checkpoint` continues exactly where it
was, and maps may run on any number of threads. A saved iterator contains what was read ahead: the shuffle buffer, with
examples that are still encoded, and two finished batches. tf.data's "symbolic" checkpoints would contain only
positions, but TensorFlow 2.15 crashes (segmentation fault) when such an iterator is deleted, so they are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from perceiver_keras.autograph import unconverted
from perceiver_keras.data.seeds import example_seed, fold_in, seed_pair
from perceiver_keras.data.store.balance import Balance
from perceiver_keras.data.store.records import Records
from perceiver_keras.data.untuned import threads, untuned, untuned_options
from perceiver_keras.errors import UsageError

Prepare = Callable[[dict[str, tf.Tensor], tf.Tensor], tuple[Any, Any]]

# Features that training adds to those of the example: see `train_batches`.
SEEN, EPOCH, PLACE = "examples_seen", "epoch", "place_in_batch"

# How many files are read at once, and how many records are taken from each in turn. Both affect the order of examples,
# so they are fixed and not tuned automatically.
_CYCLE, _BLOCK = 16, 16
_EPOCHS = 1 << 40


def train_batches(
    records: Records,
    prepare: Prepare,
    feature_spec: Mapping[str, Any],
    *,
    batch_size: int,
    seed: int,
    shuffle_buffer: int,
    num_parallel_calls: int | None = None,
    num_shards: int = 1,
    shard_index: int = 0,
    joined: int = 1,
    balance: Balance | None = None,
    used: int = 0,
) -> tf.data.Dataset:
    """Endless full batches (inputs, targets), with a new order in every epoch.

    Workers share an epoch without exchanging anything: the files have an order that is drawn anew in each epoch, and
    each worker reads an equal part of their examples, which lies in few files. So all are done with an epoch at the
    same time (but for one example), and none reads what another one uses.

    Args:
      records: What to read; every epoch contains each example once (of this worker's part).
      prepare: (features of one example, seed int32 [2]) -> (inputs, targets); stateless. There are two additional
        features, int64 []: `SEEN`, how many examples the run has used before this one, for schedules, and `EPOCH`, how
        often this example has been used before. With `joined`, there is a third, float32 []: `PLACE`, where in its
        batch the example is, from 0 up to 1.
      feature_spec: What `tf.io.parse_single_example` reads.
      batch_size: Of this worker.
      seed: Of the run.
      shuffle_buffer: How many encoded examples the next one is drawn from. With `num_examples` or more, the shuffle is
        perfect. A saved iterator contains the buffer.
      num_parallel_calls: Threads for `prepare`, by default one per core; they do not affect the batches.
      num_shards: How many workers share an epoch.
      shard_index: The number of this worker, from 0.
      joined: How many stored examples make one. If more than 1, `prepare` gets each feature of that many neighbours in
        the shuffled order, [joined, ...], and the seed of the first.
      balance: How often each example is used in an epoch; None: once.
      used: How many batches of this worker have been used; the dataset begins after them. Their examples are not
        prepared again, and whole epochs are not read again (unless `balance` decides how long they were).

    Raises:
      UsageError: there are no examples, or fewer examples than workers.
    """
    root = seed_pair(seed)
    skipped = used * batch_size * joined
    dataset = _in_order(
        records, root, shuffle_buffer, num_shards, shard_index, joined, balance, skipped
    )

    def ready(
        epoch: tf.Tensor, seen: tf.Tensor, index: tf.Tensor, example: tf.Tensor
    ) -> tuple[Any, Any]:
        features = tf.io.parse_single_example(example, dict(feature_spec))
        return prepare(features | {SEEN: seen, EPOCH: epoch}, example_seed(root, epoch, index))

    def ready_of_several(number: tf.Tensor, several: tuple[tf.Tensor, ...]) -> tuple[Any, Any]:
        epoch, seen, index = (part[0] for part in several[:3])
        features = tf.io.parse_example(several[3], dict(feature_spec))
        place = tf.cast(number % batch_size, tf.float32) / batch_size
        features |= {SEEN: seen, EPOCH: epoch, PLACE: place}
        return prepare(features, example_seed(root, epoch, index))

    if joined > 1:
        # What was used before were whole batches: in a run that goes on, examples have the places they would have had.
        dataset = dataset.enumerate()
    dataset = dataset.map(
        ready_of_several if joined > 1 else ready,
        num_parallel_calls=num_parallel_calls or threads(),
        deterministic=True,
    )
    dataset = dataset.batch(batch_size, drop_remainder=True)
    return dataset.prefetch(2).with_options(_options())


def indices_of_batch(
    records: Records,
    *,
    batch_size: int,
    seed: int,
    shuffle_buffer: int,
    num_shards: int = 1,
    shard_index: int = 0,
    joined: int = 1,
    balance: Balance | None = None,
    used: int = 0,
) -> list[int]:
    """Which stored examples are in the batch that `train_batches` begins with: their indices, in the batch's order.

    With `joined`, each example of the batch has that many of them.
    """
    skipped = used * batch_size * joined
    dataset = _in_order(
        *(records, seed_pair(seed), shuffle_buffer, num_shards, shard_index, 1, balance, skipped)
    )
    found = dataset.map(lambda epoch, seen, index, example: index).take(batch_size * joined)
    return [int(index) % records.num_examples for index in found.as_numpy_iterator()]


def _in_order(
    records: Records,
    root: tf.Tensor,
    shuffle_buffer: int,
    num_shards: int,
    shard_index: int,
    joined: int,
    balance: Balance | None,
    skipped: int,
) -> tf.data.Dataset:
    """What training uses, after the first `skipped` examples: (epoch, how many were used before, index, example), each
    an int64 or string [], or [joined]. The index of a copy that `balance` makes is higher by a multiple of
    `num_examples`.
    """
    if not 0 <= shard_index < num_shards:
        raise UsageError(f"shard_index is {shard_index}; expected 0 to {num_shards - 1}.")
    if records.num_examples < num_shards:
        raise UsageError(
            f"{records.num_examples} examples cannot be shared by {num_shards} workers."
        )
    shards = _shard_tensors(records)
    total = tf.constant(balance.epoch if balance else records.num_examples, tf.int64)
    first = records.num_examples * shard_index // num_shards
    last = records.num_examples * (shard_index + 1) // num_shards
    begun, skipped = (0, skipped) if balance else divmod(skipped, last - first)

    @unconverted
    def epoch_of(epoch: tf.Tensor) -> tf.data.Dataset:
        key = fold_in(root, epoch)
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(records.shards)), seed=fold_in(key, 1), alg="philox"
        )
        ordered = {name: tf.gather(value, order) for name, value in shards.items()}
        if num_shards > 1:
            ordered = _cut(ordered, first, last)
        dataset = _interleave(ordered, records.compression, min(_CYCLE, len(records.shards)))
        if balance is not None:
            dataset = _repeat(dataset, balance, records.num_examples, fold_in(key, 3))
        dataset = _shuffle(dataset, shuffle_buffer, fold_in(key, 2))
        return dataset.enumerate().map(
            lambda place, element: (epoch, epoch * total + place * num_shards, *element)
        )

    dataset = tf.data.Dataset.range(begun, _EPOCHS).flat_map(epoch_of)
    if skipped:
        dataset = dataset.skip(skipped)
    return dataset.batch(joined, drop_remainder=True) if joined > 1 else dataset


def eval_batches(
    records: Records,
    prepare: Prepare,
    feature_spec: Mapping[str, Any],
    *,
    batch_size: int,
    num_parallel_calls: int | None = None,
) -> tf.data.Dataset:
    """Each example once, in the order of the records; the last batch may be smaller.

    An example's seed depends only on its index, so that tasks with random masks are always evaluated on the same masks.
    """
    root = seed_pair(0)

    def ready(index: tf.Tensor, example: tf.Tensor) -> tuple[Any, Any]:
        features = tf.io.parse_single_example(example, dict(feature_spec))
        return prepare(features, example_seed(root, tf.constant(0, tf.int64), index))

    dataset = _interleave(_shard_tensors(records), records.compression)
    dataset = dataset.map(
        ready, num_parallel_calls=num_parallel_calls or threads(), deterministic=True
    )
    batches = -(-records.num_examples // batch_size)
    dataset = dataset.batch(batch_size).prefetch(2).with_options(_options())
    return dataset.apply(tf.data.experimental.assert_cardinality(batches))


def _shard_tensors(records: Records) -> dict[str, tf.Tensor]:
    takes = [shard.take for shard in records.shards]
    starts = [sum(takes[:number]) for number in range(len(takes))]
    return {
        "path": tf.constant([shard.path for shard in records.shards]),
        "skip": tf.constant([shard.skip for shard in records.shards], tf.int64),
        "take": tf.constant(takes, tf.int64),
        "start": tf.constant(starts, tf.int64),
    }


def _cut(shards: dict[str, tf.Tensor], first: int, last: int) -> dict[str, tf.Tensor]:
    """The examples from place `first` up to `last`, as shards, which are read in their order."""
    ends = tf.cumsum(shards["take"])
    starts = ends - shards["take"]
    before = tf.maximum(first - starts, 0)
    take = tf.minimum(ends, last) - tf.maximum(starts, first)
    cut = {
        "path": shards["path"],
        "skip": shards["skip"] + before,
        "take": take,
        "start": shards["start"] + before,
    }
    return {name: tf.boolean_mask(value, take > 0) for name, value in cut.items()}


def _interleave(shards: dict[str, tf.Tensor], compression: str, cycle: int = 1) -> tf.data.Dataset:
    """(index int64 [], serialized example []) from the shards in order, taking turns among `cycle` files."""

    def read(shard: dict[str, tf.Tensor]) -> tf.data.Dataset:
        examples = tf.data.TFRecordDataset(shard["path"], compression_type=compression)
        examples = examples.skip(shard["skip"]).take(shard["take"])
        indices = tf.data.Dataset.range(shard["start"], shard["start"] + shard["take"])
        return tf.data.Dataset.zip((indices, examples))

    return tf.data.Dataset.from_tensor_slices(shards).interleave(
        read,
        cycle_length=cycle,
        block_length=_BLOCK,
        num_parallel_calls=cycle if cycle > 1 else None,  # they wait for files, not for a core
        deterministic=True,
    )


def _repeat(
    dataset: tf.data.Dataset, balance: Balance, num_examples: int, key: tf.Tensor
) -> tf.data.Dataset:
    """(index, example) as often as `balance` says; each copy has an index of its own."""

    def copies(index: tf.Tensor, example: tf.Tensor) -> tf.data.Dataset:
        numbers = tf.data.Dataset.range(balance.copies(example, index, key))
        return numbers.map(lambda number: (index + number * num_examples, example))

    return dataset.flat_map(copies)


def serialized(records: Records) -> tf.data.Dataset:
    """Each record once, as it is stored, string [], in the order of the records."""
    dataset = _interleave(_shard_tensors(records), records.compression)
    return untuned(dataset.map(lambda index, example: example))


def _shuffle(dataset: tf.data.Dataset, buffer: int, seed: tf.Tensor) -> tf.data.Dataset:
    """`dataset.shuffle` with a tensor as its seed.

    `Dataset.shuffle` inside a `flat_map` creates an operation with its own state (`DummySeedGenerator`), which prevents
    saving the iterator. The first version of the operation takes its two seeds as plain inputs.
    """
    if buffer <= 1:
        return dataset
    seed = tf.cast(seed, tf.int64)
    variant = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=tf.constant(buffer, tf.int64),
        seed=seed[0],
        seed2=seed[1],
        reshuffle_each_iteration=False,
        output_types=[tf.int64, tf.string],
        output_shapes=[tf.TensorShape([]), tf.TensorShape([])],
    )
    return tf.data.experimental.from_variant(variant, dataset.element_spec)


def _options() -> tf.data.Options:
    options = untuned_options()
    options.deterministic = True
    # SentencePiece's operations are declared stateful but are not; the tasks' contract test shows that
    # `prepare` depends only on its seed.
    options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
    # Files are shared by `num_shards` and `shard_index` above, not by tf.distribute's guess.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options
