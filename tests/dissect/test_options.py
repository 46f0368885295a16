"""Settings are checked when they are written down."""

import json
import runpy

import pytest


@pytest.fixture(scope="module")
def options():
    """`Options` as a user meets it: without the type checks that the test suite adds on import."""
    from ganwidgets.dissect import options

    made = runpy.run_path(options.__file__)["Options"]
    return lambda **given: made(**({"layers": ("layer1",)} | given))


@pytest.mark.parametrize("name", ["n", "batch", "top_k", "derangements", "resamples", "seed", "grid"])
@pytest.mark.parametrize("value", [2.5, True])
def test_counts_are_whole_numbers(options, name, value):
    with pytest.raises(TypeError, match=f"`{name}` must be a whole number, got"):
        options(**{name: value})


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        *[("n", 0, 1), ("n", -3, 1), ("batch", 0, 1), ("top_k", 0, 1)],
        *[("seed", -1, 0), ("grid", 7, 8), ("derangements", 19, 20), ("resamples", 19, 20)],
    ],
)
def test_counts_have_a_least(options, name, value, least):
    with pytest.raises(ValueError, match=f"`{name}` must be at least {least}, got {value}"):
        options(**{name: value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rule": "iou"}, r"`rule` must be one of \['top_fraction', 'iqr', 'netdissect'\], got 'iou'"),
        ({"top_fraction": 0.5}, "`top_fraction` must lie between 0 and 0.5"),
        ({"top_fraction": 0}, "`top_fraction` must lie between 0 and 0.5"),
        ({"top_fraction": float("nan")}, "`top_fraction` must lie between 0 and 0.5"),
        ({"top_fraction": "1 %"}, "`top_fraction` must lie between 0 and 0.5"),
        ({"padding": "border"}, "`padding` must be 'clamp' or 'zeros', got 'border'"),
        ({"layers": ()}, "`layers` must name at least one layer"),
        ({"layers": ("a", "b", "a")}, "`layers` must name each layer once"),
        ({"layers": "layer1"}, "`layers` must be names in a tuple or list, got 'layer1'"),
        ({"exact": True, "n": 1001}, "`exact` is for n up to 1000, got n=1001"),
        ({"seed": 2**32 - 1, "rule": "iqr"}, "`seed` must be below"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, given, message):
    with pytest.raises(ValueError, match=message):
        options(**given)


def test_plain_values_are_enough_to_make_them_again(options):
    made = options(layers=["a", "b"], n=7, truncation=0.7, rule="iqr")
    assert made.layers == ("a", "b")
    assert options(**json.loads(json.dumps(made.as_dict()))) == made


def test_a_rule_says_from_which_values_on_units_are_labelled(options):
    assert (options().least_iou, options().least_iqr) == (0.04, 0)
    assert (options(rule="iqr").least_iou, options(rule="iqr").least_iqr) == (0.05, 0.01)
