"""Refining one edit: nearer to the photo outside the brush, free inside it, and nothing else changes."""

import pytest
import torch


@pytest.fixture(scope="module")
def scene():
    from ganwidgets.models import zero_units
    from ganwidgets.testing.planted import BLUE
    from ganwidgets.testing.planted_late import planted_late_generator, planted_late_photo

    network = planted_late_generator()
    region = torch.zeros(32, 32)
    region[14:24, 20:32] = 1  # the blue dot, on the right
    return network, planted_late_photo(network), [("layer1", zero_units([BLUE], region=region))], region


def test_outside_gets_nearer_and_inside_keeps_the_edit(scene):
    from ganwidgets.invert import refine_edit

    network, photo, edits, region = scene
    fingerprint = network.fingerprint
    found = refine_edit(network, photo, edits, region, steps=40, rate=0.02)
    assert found.outside_before > 0.02  # the red of the photo is stronger, and nothing is adapted yet
    assert found.outside < found.outside_before / 2
    assert photo.image[2, 16, 24] > 0.4  # blue was there
    assert found.image[2, 16, 24] < 0.1
    assert network.fingerprint == fingerprint


def test_before_the_first_step_it_is_the_live_picture(scene):
    from ganwidgets.invert import adapt, inverted, refining_edit

    network, photo, edits, region = scene
    found = photo.with_adaptation(adapt(network, photo, form="maps", steps=5))
    live = inverted(network, found, released=region)
    with live.intervene(*edits[0]):
        wanted = live.images(photo.latent)[0]
    first = next(refining_edit(network, found, edits, region, steps=3))
    assert torch.allclose(first.image, wanted, atol=1e-6)
    assert first.outside == first.outside_before


def test_frames_tell_how_far_it_is(scene):
    from ganwidgets.invert import refining_edit

    network, photo, edits, region = scene
    frames = list(refining_edit(network, photo, edits, region, steps=4))
    assert [frame.step for frame in frames] == [0, 1, 2, 3, 4]
    assert (frames[-1].stopped, frames[-1].remaining) == ("steps", 0.0)
    assert all(not frame.stopped for frame in frames[:-1])
    again = list(refining_edit(network, photo, edits, region, steps=4))
    assert torch.equal(frames[-1].image, again[-1].image)


def test_what_is_refused(scene):
    from ganwidgets.invert import refine_edit

    network, photo, edits, region = scene
    with pytest.raises(ValueError, match="`brush` must have something painted"):
        refine_edit(network, photo, edits, torch.zeros(4, 4))
    with pytest.raises(ValueError, match="must be positive"):
        refine_edit(network, photo, edits, region, rate=-1)
    with pytest.raises(ValueError, match="finer maps after 'layer3'"):
        refine_edit(network, photo.replaced(layer="layer3"), edits, region)
    with pytest.raises(ValueError, match="invert it again"):
        refine_edit(network, photo.replaced(network_fingerprint="0" * 64), edits, region)


def test_weak_strokes_let_go_less_and_keep_their_whole_brush(scene):
    """The maps are let go as far as the stroke is strong; the whole brush is free all the same."""
    from ganwidgets.invert import adapt, inverted, refine_edit, refining_edit

    network, photo, edits, region = scene
    found = photo.with_adaptation(adapt(network, photo, form="maps", steps=5))
    live = inverted(network, found, released=region / 2)
    with live.intervene(*edits[0]):
        wanted = live.images(photo.latent)[0]
    options = {"released": region / 2, "steps": 40, "rate": 0.02}
    first = next(refining_edit(network, found, edits, region, **options))
    assert torch.allclose(first.image, wanted, atol=1e-6)
    weak = refine_edit(network, found, edits, region, **options)
    assert weak.image[2, 16, 24] < 0.1  # as with all of the strength
