"""GLUE's own: how sentences share the room, the rows of Table 2, the loss, figures, requests, files and errors."""

from __future__ import annotations

import dataclasses
from pydoc_data.topics import topics

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow import keras

from perceiver_keras import reproduce
from perceiver_keras.config_tree import override
from perceiver_keras.data.text import sentencepiece
from perceiver_keras.data.text.byte_tokenizer import OFFSET, SEP
from perceiver_keras.data.text.glue import EIGHT, TASKS, task_named
from perceiver_keras.errors import UsageError
from perceiver_keras.tasks import glue
from perceiver_keras.tasks.glue import predict as glue_requests
from perceiver_keras.tasks.glue import submission as glue_files
from perceiver_keras.tasks.glue.presets import PRESETS
from perceiver_keras.tasks.model import load

CONFIG = override(
    PRESETS["tiny"].config,
    *("model.channels=8", "model.query_dim=8", "model.length=24"),
    *("model.encode.num_latents=4", "model.encode.latent_dim=16", "model.encode.qk_dim=8"),
    *("model.encode.v_dim=8", "model.process.num_self_attention_layers=1"),
    *("model.decode.qk_dim=8", "model.decode.v_dim=8"),
)


def model_of(config=CONFIG):
    keras.utils.set_random_seed(1)
    model = glue.GlueModel(config.model).build_all()
    model.task_config = config
    return model


@pytest.fixture(scope="module")
def model():
    return model_of()


def ask(model, *requests, config=None):
    raw = glue_requests.read([(task.encode(), *texts) for task, *texts in requests])
    outputs = glue.serve(model, raw, config or model.task_config, None)
    return {key: value.numpy() for key, value in outputs.items()}


# === Text ===


def text_of(first, second, length):
    config = override(CONFIG, f"model.length={length}")
    inputs, cut = glue.to_inputs(*map(tf.constant, (b"rte", first, second)), config)
    ids = inputs["ids"].numpy()[inputs["mask"].numpy()]
    shown = b"".join(b"|" if i == SEP else bytes([i - OFFSET]) for i in ids)
    return shown, int(cut)


def test_sentences_share_the_room():
    assert text_of(b"abc", b"de", 10) == (b"abc|de", 0)
    assert text_of(b"abcdefgh", b"ijklmnop", 9) == (b"abcd|ijkl", 8)
    assert text_of(b"abcdefgh", b"ij", 9) == (b"abcdef|ij", 2)
    assert text_of(b"ab", b"cdefghijk", 9) == (b"ab|cdefgh", 3)
    assert text_of(b"abcdefghijk", b"", 9) == (b"abcdefgh|", 3)
    assert text_of(b"", b"", 9) == (b"|", 0)
    assert text_of(b"\xff\xfe[MASK]", b"", 12) == (b"\xff\xfe[MASK]|", 0)  # specials are only text


def test_a_sentencepiece_model_travels_with_the_weights(tmp_path):
    path = tmp_path / "own.model"
    texts = [topics[name].encode() for name in ("assert", "else", "in", "function", "lists")]
    path.write_bytes(sentencepiece.train(sentencepiece.counted(texts), 160))
    config = override(CONFIG, "model.vocabulary=160", f"data.sentencepiece={path}")
    inputs, cut = glue.to_inputs(*map(tf.constant, (b"rte", b"the function", b"a list")), config)
    assert int(cut) == 0
    assert int(tf.reduce_sum(tf.cast(inputs["mask"], tf.int32))) < len("the function|a list")
    shown = next(glue._examples(batched(inputs), tf.constant([[8.0, 0.0, 0.0]]), config))
    assert shown == ("rte", "the function | a list", "entailment")
    model = model_of(config)
    before = model.classify([("rte", "the function", "a list")])
    folder = model.save_to_preset(tmp_path / "preset", task_config=config)
    path.unlink()
    assert load(folder).classify([("rte", "the function", "a list")]) == before
    with pytest.raises(UsageError, match="the language model was trained with"):
        glue.check_dataset(None, override(CONFIG, "data.sentencepiece=train"))


def batched(inputs):
    return {key: value[None] for key, value in inputs.items()}


# === The rows of Table 2 ===


@pytest.mark.parametrize("readout", ["query", "shared_token", "task_tokens"])
def test_what_each_readout_knows_of_the_task(readout):
    """Latents know the task only with tokens a task; heads always do."""
    model = model_of(override(CONFIG, f'model.readout="{readout}"'))
    inputs, _ = glue.to_inputs(*map(tf.constant, (b"cola", b"a sentence", b"")), CONFIG)
    inputs = {key: tf.stack([value, value]) for key, value in inputs.items()}
    inputs["task"] = tf.constant([task_named("cola").number, task_named("sst2").number])
    outputs, maps = model(inputs, return_attention=True)
    maps = maps["encode"].numpy()
    places = maps.shape[-1]
    assert places == CONFIG.model.length + (readout != "query")
    assert np.allclose(maps[0], maps[1]) == (readout != "task_tokens")
    assert not np.allclose(outputs[0, 1:], outputs[1, 1:])
    shapes = {name: w.shape for name, w in ((w.name, w) for w in model.weights)}
    queries = next(shape for name, shape in shapes.items() if "query/embeddings" in name)
    assert queries[0] == (len(EIGHT) if readout == "query" else 1)


def test_a_single_task_needs_no_other_head(model):
    single = model_of(override(CONFIG, 'model.tasks=["stsb"]'))
    assert ask(single, ("stsb", "a", "b"))["probabilities"].shape == (1, 1)
    assert single.count_params() < model.count_params()


def test_presets_are_the_rows_of_the_paper():
    config = PRESETS["glue_multitask_query"].config
    assert config.train.steps == 10 * 949_101 // 64
    assert config.model.tasks == EIGHT
    for preset in PRESETS.values():
        glue.check_dataset(None, preset.config)


# === Loss and figures ===


def batch(rows):
    """(task, label, outputs) each to targets and outputs as the model gives them."""
    numbers = [task_named(task).number for task, *_ in rows]
    pairs = list(zip(numbers, rows, strict=True))
    targets = [[n, label, place] for place, (n, (_, label, _)) in enumerate(pairs)]
    outputs = [[n, *values] for n, (_, _, values) in pairs]
    return tf.constant(targets, tf.float32), tf.constant(outputs, tf.float32)


def test_the_loss_of_each_kind():
    targets, outputs = batch(
        [
            ("mnli", 2, (0.1, 0.2, 0.5)),
            ("cola", 1, (0.3, -0.2, 0.0)),
            ("stsb", 4.0, (1.5, 0.0, 0.0)),
            ("cola", -1, (5.0, -5.0, 0.0)),
        ]
    )
    three, two = np.exp([0.1, 0.2, 0.5]), np.exp([0.3, -0.2])
    expected = [-np.log(three[2] / three.sum()), -np.log(two[1] / two.sum()), 1.0, 0.0]
    np.testing.assert_allclose(glue.GlueLoss().call(targets, outputs), expected, rtol=1e-5)
    weighted = glue.GlueLoss({"cola": 3.0}).call(targets, outputs)
    np.testing.assert_allclose(weighted, np.array(expected) * [1, 3, 1, 1], rtol=1e-5)
    smooth = glue.GlueLoss(label_smoothing=0.1).call(targets, outputs)[1]
    keras_own = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    np.testing.assert_allclose(smooth, keras_own([[0.0, 1.0]], [[0.3, -0.2]]), rtol=1e-5)


def test_the_figures_of_a_mixture_are_those_of_scikit_learn_and_scipy():
    random = np.random.default_rng(0)
    rows = []
    for _ in range(300):
        task = random.choice(["cola", "stsb", "mrpc", "mnli", "mnli_mismatched"])
        row = task_named(str(task))
        label = random.integers(row.classes) if row.labels else round(5 * random.random(), 1)
        values = random.normal(size=3)
        values[: row.classes] += (
            (0.5 * np.eye(3)[int(label)] if row.labels else label)[: row.classes]
            if row.labels
            else label
        )
        rows.append((row.name, label, tuple(np.where(np.arange(3) < row.classes, values, 0))))
    config = override(CONFIG, "data.mismatched=true")
    targets, outputs = batch(rows)
    found = {metric.name: metric for metric in glue.metrics(config)}
    for start in range(0, 300, 70):
        for metric in found.values():
            metric.update_state(targets[start : start + 70], outputs[start : start + 70])

    def own(name):
        chosen = [(label, values) for task, label, values in rows if task == name]
        labels = np.array([label for label, _ in chosen], "float32")
        scores = np.array([values for _, values in chosen], "float32")
        row = task_named(name)
        return labels, scores[:, : row.classes].argmax(1) if row.labels else scores[:, 0]

    expected = {
        "cola_matthews": sklearn.metrics.matthews_corrcoef(*own("cola")),
        "mrpc_accuracy": sklearn.metrics.accuracy_score(*own("mrpc")),
        "mrpc_f1": sklearn.metrics.f1_score(*own("mrpc")),
        "stsb_pearson": scipy.stats.pearsonr(*(x.astype("float64") for x in own("stsb")))[0],
        "stsb_spearman": scipy.stats.spearmanr(*own("stsb"))[0],
        "mnli_accuracy": sklearn.metrics.accuracy_score(*own("mnli")),
        "mnli_mismatched_accuracy": sklearn.metrics.accuracy_score(*own("mnli_mismatched")),
    }
    for name, value in expected.items():
        assert float(found[name].result()) == pytest.approx(value, abs=1e-6), name
    mnli = (expected["mnli_accuracy"] + expected["mnli_mismatched_accuracy"]) / 2
    four = [expected[key] for key in ("cola_matthews", "mrpc_accuracy", "stsb_pearson")] + [mnli]
    assert float(found["glue_average"].result()) == pytest.approx(np.mean(four), abs=1e-6)


def test_the_baseline_names_the_commonest_class():
    targets, _ = batch([("cola", 1, ()), ("rte", 0, ()), ("rte", 0, ()), ("rte", 1, ())])
    dataset = tf.data.Dataset.from_tensors(({}, targets))
    found = glue.baseline(dataset, CONFIG)
    assert found["rte_accuracy"] == pytest.approx(2 / 3)
    assert found["cola_matthews"] == found["stsb_pearson"] == 0


# === Serving ===


def test_answers_are_those_of_each_task(model):
    found = ask(model, ("mnli", "a", "b"), ("cola", "a", ""), ("stsb", "a", "b"), ("ax", "a", "b"))
    assert found["probabilities"].shape == (4, 3)
    np.testing.assert_allclose(found["probabilities"].sum(1), [1, 1, 0, 1], rtol=1e-5)
    np.testing.assert_allclose(found["probabilities"][3], found["probabilities"][0], rtol=1e-5)
    assert found["label"][0].decode() in task_named("mnli").labels
    assert found["label"][2] == b"score"
    answers = glue_requests.answer(found, None, 2)
    assert [len(answer) for answer in answers] == [2, 2, 2, 2]  # of the score: its two keys
    assert answers[0][0]["score"] >= answers[0][1]["score"]
    assert 0 < answers[2]["score"] < 5
    assert answers[1] == model.classify([("cola", "a")], top=2)[0]


def test_bad_text_never_crashes_and_the_cut_is_counted(model):
    found = ask(model, ("cola", b"\xff\x00", ""), ("rte", "", ""), ("rte", "a" * 999, "b" * 999))
    assert list(found["cut"]) == [0, 0, 2 * 999 - 23]
    assert np.isfinite(found["score"]).all()


def test_a_task_that_it_was_not_trained_on_is_an_error_in_words(model):
    for task in ("wnli", "nonsense"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="was trained for cola, sst2"):
            ask(model, (task, "a", "b"))
    graph = tf.function(lambda **raw: glue.serve(model, raw, CONFIG, None)["label"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="was trained for"):
        graph(**{key: tf.constant(["wnli"]) for key in glue.serving_spec(CONFIG)})
    # By number, as `serving_tensors` takes it.
    inputs, _ = glue.batch_of(*(tf.constant([text]) for text in ("cola", "a", "b")), CONFIG)
    number = glue.NAMES.index("wnli")
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)was trained for.*wnli"):
        glue.respond(model({**inputs, "task": tf.constant([number])}), CONFIG, None)


def test_requests_in_words(tmp_path):
    (tmp_path / "lines.txt").write_bytes(b"cola: One.\n\nRTE: two ||| three\n")
    given = ["sst-2: Fine: really.", str(tmp_path / "lines.txt"), "rte: only one", "colla: x", "x"]
    found = list(glue_requests.requests(given))
    assert found[0].content == ("sst2", b"Fine: really.", b"")
    assert found[1].content == ("cola", b"One.", b"")
    assert found[2].content == ("rte", b"two", b"three")
    assert "takes two sentences" in found[3].error
    assert "Did you mean 'cola'" in found[4].error
    assert "no task is named" in found[5].error
    assert "is empty" in next(glue_requests.requests(["cola: "])).error
    with pytest.raises(UsageError, match="TASK: sentence"):
        next(glue_requests.requests([]))


# === Data ===


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"task": [b"wnli"]}, "not among model.tasks"),
        ({"task": [b"nothing"]}, "GLUE has no task 'nothing'"),
        ({"label": [-1.0]}, "only its server has"),
        ({"label": [2.0]}, "not in 0 to 1"),
        ({"task": [b"stsb"], "label": [5.1]}, "not in 0 to 5"),
        ({"task": [b"stsb"], "idx": [9000]}, "out of bounds"),
    ],
)
def test_corrupt_examples_are_refused_with_a_reason(change, reason):
    good = {"task": [b"rte"], "sentence1": [b"a"], "sentence2": [b""], "label": [1.0], "idx": [3]}
    assert glue.check(good, CONFIG) is None
    assert reason in glue.check({**good, **change}, CONFIG)


def test_labels_of_minus_one_are_refused_in_training_and_skipped_by_figures():
    features = dict(task=b"rte", sentence1=b"a", sentence2=b"b", label=-1.0, idx=tf.constant(0))
    features = {key: tf.constant(value) for key, value in features.items()}
    _, targets = glue.prepare(features, CONFIG, False, tf.constant([0, 0]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="test splits can't be trained on"):
        glue.prepare(features, CONFIG, True, tf.constant([0, 0]))
    assert float(glue.GlueLoss().call(targets[None], tf.zeros([1, 4]))[0]) == 0


def test_settings_that_do_not_fit_are_named():
    for wrong, words in (
        ('model.tasks=["rte","rte"]', "each task once"),
        ('model.tasks=["ax"]', "answered by mnli"),
        ('model.tasks=["colla"]', "Did you mean 'cola'"),
        ('data.task_weights={"x":1}', "GLUE has no task 'x'"),
        ("model.vocabulary=300", "bytes have 262 ids"),
    ):
        with pytest.raises(UsageError, match=words):
            glue.check_dataset(None, override(CONFIG, wrong))


# === The server's files ===


def test_prediction_files_are_the_server_s(tmp_path, monkeypatch):
    """On TFDS's own features by mock_data; the file's names and words are the server's."""
    model = model_of(override(CONFIG, 'model.tasks=["cola","stsb","rte"]'))
    monkeypatch.setattr(glue_files.source, "open_builder", lambda name, _: tfds.builder(name))
    with tfds.testing.mock_data(num_examples=3):
        paths = glue_files.write_predictions(model, tmp_path)
    assert [path.name for path in paths] == ["CoLA.tsv", "STS-B.tsv", "RTE.tsv", "WNLI.tsv"]
    lines = {path.stem: path.read_text().splitlines() for path in paths}
    for rows in lines.values():
        assert rows[0] == "index\tprediction"
        places = [int(row.split("\t")[0]) for row in rows[1:]]
        assert len(places) == 3
        assert places == sorted(places)
    said = {name: {row.split("\t")[1] for row in rows[1:]} for name, rows in lines.items()}
    assert said["CoLA"] <= {"0", "1"}
    assert said["RTE"] <= {"entailment", "not_entailment"}
    assert said["WNLI"] == {"0"}
    assert all(0 <= float(score) <= 5 and len(score) == 5 for score in said["STS-B"])
    bare = glue.GlueModel(dataclasses.replace(CONFIG.model, tasks=("rte",)))
    with pytest.raises(UsageError, match="from_preset or load"):
        glue_files.write_predictions(bare, tmp_path)


def test_every_file_of_the_server_has_a_row():
    files = "CoLA SST-2 MRPC STS-B QQP MNLI-m MNLI-mm QNLI RTE WNLI AX"
    assert [row.file for row in TASKS] == files.split()


# === The paper's figures ===


def test_claimed_averages_are_the_means_of_the_claimed_figures():
    """MNLI's two count as one, as `glue_average` does it."""
    for name, benchmark in reproduce.benchmarks().items():
        if benchmark.task != "glue":
            continue
        config = PRESETS[benchmark.model].config
        if len(benchmark.claimed) > 2:
            claimed = dict(benchmark.claimed)
            average = claimed.pop("glue_average")
            mnli = [claimed.pop(key) for key in list(claimed) if key.startswith("mnli")]
            assert np.mean([*claimed.values(), np.mean(mnli)]) == pytest.approx(average, abs=6e-5)
            assert claimed.keys() <= {metric.name for metric in glue.figure_metrics(config)}
        else:
            task = name.removeprefix("glue-")
            config = override(config, f'model.tasks=["{task}"]', "data.mismatched=true")
            names = {metric.name for metric in glue.figure_metrics(config)}
            assert benchmark.claimed.keys() <= names


def test_a_benchmark_reads_tfds_s_development_sets(tmp_path, monkeypatch):
    monkeypatch.setattr(glue_files.source, "open_builder", lambda name, _: tfds.builder(name))
    with tfds.testing.mock_data(num_examples=2):
        protocol = reproduce.get("glue-rte").open(tmp_path, {})
        assert [protocol.group(key) for key in protocol.keys] == ["rte"] * len(protocol.keys)
        config = override(CONFIG, 'model.tasks=["rte"]')
        rows = protocol.rows(model_of(config), config, protocol.keys)
    assert rows.shape == (len(protocol.keys), 4)
    assert set(rows[:, 0]) == {task_named("rte").number}
    with pytest.raises(UsageError, match="answer cola, but not rte"):
        protocol.rows(None, override(CONFIG, 'model.tasks=["cola"]'), protocol.keys)
