"""Facts: one sentence, a few numbers, and a still picture of both."""

import numpy as np
import pytest
from traitlets import TraitError

from ganwidgets import ui


def test_a_sentence_and_its_numbers_are_drawn_as_text() -> None:
    facts = ui.Facts(title="How near", sentence="It is near. " * 12, facts=[{"label": "PSNR", "value": "30 dB"}])
    picture = facts.picture()
    assert picture is not None and picture.width == 380
    assert (np.asarray(picture) < 128).any() and (np.asarray(picture)[:, -4:] == 255).all()  # broken before the edge
    taller = ui.Facts(sentence="a", facts=[{"label": "a", "value": "b"}] * 9).picture()
    assert taller is not None and taller.height > ui.Facts(sentence="a").picture().height
    assert ui.Facts().picture() is None


def test_the_repr_says_what_was_found() -> None:
    assert repr(ui.Facts()) == "Facts(empty)"
    assert repr(ui.Facts(sentence="So.", facts=[{"label": "a", "value": "b"}])) == "Facts('So.', 1 fact)"


def test_wrong_traits_are_refused_in_one_sentence() -> None:
    with pytest.raises(TraitError, match=r"`facts\[0\]` lacks the key 'value'"):
        ui.Facts(facts=[{"label": "a"}])
    with pytest.raises(TraitError, match="green"):
        ui.Facts(tone="green")
