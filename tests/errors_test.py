"""The sentence that ends an error message."""

from perceiver_keras.errors import PerceiverError, UsageError, nearest


def test_nearest_offers_the_closest_name_else_a_short_list():
    assert nearest("opticalflow", ["glue", "optical_flow"]) == " Did you mean 'optical_flow'?"
    assert nearest("zzz", ["b", "a"]) == " Choose one of: a, b."
    assert nearest("zzz", []) == ""
    assert nearest("q", [str(i) for i in range(100, 200)]).count(",") == 12


def test_wrong_usage_is_also_an_error_of_ours():
    assert issubclass(UsageError, PerceiverError)
