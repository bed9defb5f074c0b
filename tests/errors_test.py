"""What ends an error message, and what is quoted from others'."""

import tensorflow as tf

from perceiver_keras.errors import PerceiverError, UsageError, first_line, nearest


def test_nearest_offers_the_closest_name_else_a_short_list():
    assert nearest("opticalflow", ["glue", "optical_flow"]) == " Did you mean 'optical_flow'?"
    assert nearest("zzz", ["b", "a"]) == " Choose one of: a, b."
    assert nearest("zzz", []) == ""
    assert nearest("q", [str(i) for i in range(100, 200)]).count(",") == 12


def test_wrong_usage_is_also_an_error_of_ours():
    assert issubclass(UsageError, PerceiverError)


def test_an_error_s_first_line_is_what_the_graph_said():
    said = (
        "Graph execution error:\n\nDetected at node a/Assert defined at (most recent call last):\n"
        "<stack traces unavailable>\nassertion failed: [frames of one size]\n\t [[{{node a/Assert}}]]"
    )
    assert first_line(RuntimeError(said)) == "assertion failed: [frames of one size]"


def test_the_notes_of_tensorflow_on_its_graph_are_left_out():
    try:
        tf.io.decode_png(b"no picture")
    except tf.errors.InvalidArgumentError as error:
        assert "[Op:" in str(error)
        said = first_line(error)
    assert "[Op:" not in said and "{{" not in said
    assert "decode" in said.lower() or "format" in said.lower()
    assert first_line(ValueError()) == "ValueError"
    assert len(first_line(ValueError("x" * 1000))) == 300
