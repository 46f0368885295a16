"""Plain values of a saved coverage, checked before anything is made of them: a file may come from a stranger.

What is shown, compared or given to the next run must be of its kind and in its range now, or it would fail where nobody
knows about the file any more.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ganwidgets.nn.photo_frames import FITS

TEXTS = ("network", "fingerprint", "data", "data_fingerprint", "segmenter", "segmenter_fingerprint", "labels")
LISTS = ("concepts", "categories", "slots", "notes")
WHOLE = {"n": 2, "seed": 0, "batch": 1, "resamples": 20, "permutations": 1, "halves": 20}
"""Options that are whole numbers, and the least, as a run asks."""
MOST = dict.fromkeys(WHOLE, 10**6) | {"seed": 2**32 - 1}
"""The most of each: what numpy takes as a seed, and far more than is of use."""
LABELS = ("segmenter", "own")
NEEDED = ("n", "seed", "truncation", "labels", "fit")
"""Options by which the images of a result are found again."""
NUMBERS = ("distance", "mean", "covariance")
MAYBE = ("debiased", "floor", "extrapolated")
"""Parts of a distance that are NaN where they are not known."""


def about_fits(about: Mapping[str, Any]) -> None:
    """Check names, options and level of a coverage.

    Raises:
        ValueError, KeyError: one is of another kind, out of its range, or lacking.
    """
    for name in TEXTS:
        _require(isinstance(about[name], str), name, "text", about[name])
    for name in LISTS:
        _require(_texts(about[name]), name, "a list of texts", about[name])
    concepts = about["concepts"]
    _require(len(set(concepts)) == len(concepts) > 0, "concepts", "different names", concepts)
    _require(len(about["categories"]) == len(concepts), "categories", "as many as concepts", about["categories"])
    _require(_number(about["level"]) and 0 < about["level"] < 0.5, "level", "between 0 and 0.5", about["level"])
    _require(isinstance(about["complete"], bool), "complete", "true or false", about["complete"])
    _options_fit(about["options"])


def _options_fit(options: Any) -> None:
    _require(isinstance(options, dict), "options", "settings by name", options)
    for name in NEEDED:
        _require(name in options, "options", f"settings with {name!r}", options)
    for name, value in options.items():
        what = f"options.{name}"
        if name in WHOLE:
            fits = (_whole(value, WHOLE[name]) and value <= MOST[name]) or (name == "halves" and value is None)
            _require(fits, what, f"a whole number from {WHOLE[name]} to {MOST[name]}", value)
        elif name == "truncation":
            _require(value is None or (_number(value) and value > 0), what, "a number above 0", value)
        elif name == "level":
            fits = _number(value) and 1 / MOST["permutations"] <= value < 0.5
            _require(fits, what, f"at least {1 / MOST['permutations']} and below 0.5", value)
        elif name in ("labels", "fit"):
            known = LABELS if name == "labels" else FITS
            _require(value in known, what, f"one of {list(known)}", value)
        elif name == "common":
            _require(isinstance(value, bool), what, "true or false", value)
    both = "level" in options and "permutations" in options
    # One alone would meet whatever the session has for the other.
    fits = both or not ("level" in options or "permutations" in options)
    _require(fits, "options", "settings with 'level' and 'permutations', or with neither", options)
    if both:
        least = math.ceil(1 / options["level"] - 1e-9) - 1  # fewer name nothing
        fits = options["permutations"] >= least
        _require(fits, "options.permutations", f"at least {least} at this level", options["permutations"])


def numbers_fit(tensors: Mapping[str, np.ndarray]) -> None:
    """Check what is known of every concept: areas, shares and differences; only ratios and intervals may be unknown.

    Raises:
        ValueError, KeyError: one is not finite, out of its range, or lacking.
    """
    for name in ("area", "generated_area", "presence", "generated_presence", "p", "difference", "effect"):
        values = tensors[name]
        most = 1 if name in ("presence", "generated_presence", "p") else np.inf
        least = -np.inf if name in ("difference", "effect") else 0
        fits = bool(np.isfinite(values).all() and (values >= least).all() and (values <= most).all())
        _require(fits, name, f"finite numbers from {least} to {most}", values.tolist())


def distance_fits(told: Any, concepts: list[str]) -> None:
    """Check the plain values of a distance.

    Raises:
        ValueError, KeyError: one is of another kind, out of its range, or lacking.
    """
    _require(isinstance(told, dict), "fsd", "values by name", told)
    for name in NUMBERS:
        _require(_number(told[name]), f"fsd.{name}", "a finite number", told[name])
    for name in MAYBE:
        _require(_number(told[name], finite=False), f"fsd.{name}", "a number", told[name])
    for name in ("interval", "floor_interval", "shrinkage"):
        pair = told[name]
        fits = isinstance(pair, list) and len(pair) == 2 and all(_number(end, finite=False) for end in pair)
        _require(fits or (name == "shrinkage" and pair is None), f"fsd.{name}", "two numbers", pair)
    n, bias = told["n"], told["bias"]
    _require(isinstance(n, list) and len(n) == 2 and all(_whole(each, 2) for each in n), "fsd.n", "two sizes", n)
    _require(_whole(told["enough"], 1), "fsd.enough", "a whole number of at least 1", told["enough"])
    fits = isinstance(bias, list) and all(
        isinstance(row, list) and len(row) == 2 and _whole(row[0], 1) and _number(row[1]) for row in bias
    )
    _require(fits, "fsd.bias", "(images, distance) pairs", bias)
    _require(told["concepts"] == concepts, "fsd.concepts", "the concepts of the coverage", told["concepts"])
    _require(_texts(told["notes"]), "fsd.notes", "a list of texts", told["notes"])


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _number(value: Any, finite: bool = True) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and (not finite or bool(np.isfinite(value)))


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _require(fits: bool, name: str, what: str, value: Any) -> None:
    if not fits:
        raise ValueError(f"`{name}` must be {what}, got {repr(value)[:80]}")
