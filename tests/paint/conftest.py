"""Strokes of one name each."""

import numpy as np
import pytest


@pytest.fixture
def named():
    """`named("abc")`: a stroke for each letter."""
    from ganwidgets.paint import Stroke

    def make(letters):
        return [Stroke("layer1", [0], np.ones((2, 2)), 1.0, name=letter) for letter in letters]

    return make
