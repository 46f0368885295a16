"""The world is the same for everybody, and what it says about its pixels is true."""

import hashlib
import time

import numpy as np
import PIL
import pytest

from ganwidgets.scenes.draw import (
    ALWAYS_DRAWN,
    CATEGORIES,
    CONCEPTS,
    OBJECTS,
    PARTS,
    draw,
    draw_batch,
    scene_parameters,
)

N = 400
NUMBER = {name: i for i, name in enumerate(CONCEPTS, 1)}
PINNED = {
    (1, 0): "4d26e0bfd077615f",
    (1, 1): "52d2301720f7bae2",
    (2, 12345): "01e65f2e10d7415d",
}


@pytest.fixture(scope="module")
def world():
    return draw_batch(N, seed=7)


def holds(segs, concept):
    slot = 0 if concept in OBJECTS else 1
    return segs[:, slot] == NUMBER[concept]


@pytest.mark.parametrize("scene", PINNED)
def test_scenes_are_pinned(scene):
    drawn = draw(*scene)
    digest = hashlib.sha256(drawn.image.tobytes() + drawn.seg.tobytes()).hexdigest()[:16]
    assert digest == PINNED[scene], f"pictures changed (pinned with Pillow 10.3 to 11.3, this is {PIL.__version__})"


def test_a_scene_depends_on_its_seed_and_index_only(world):
    images, segs = world
    later, later_segs = draw_batch(5, seed=7, start=30)
    np.testing.assert_array_equal(later, images[30:35])
    np.testing.assert_array_equal(later_segs, segs[30:35])
    np.testing.assert_array_equal(draw(7, 3).image, images[3])
    assert (draw(8, 3).image != images[3]).any()
    assert scene_parameters(7, 3) == scene_parameters(7, 3) != scene_parameters(7, 4)


def test_every_concept_occurs_and_every_pixel_is_an_object(world):
    _, segs = world
    assert set(np.unique(segs[:, 0])) == {NUMBER[name] for name in OBJECTS}
    assert set(np.unique(segs[:, 1])) == {0} | {NUMBER[name] for name in PARTS}
    assert len(CATEGORIES) == len(CONCEPTS) == 17


def test_parts_lie_inside_their_owners(world):
    _, segs = world
    building = holds(segs, "house") | holds(segs, "church")
    np.testing.assert_array_equal(segs[:, 1] > 0, building)  # and every pixel of a building is one of its parts
    for part in ("dome", "spire"):
        assert (holds(segs, "church") | ~holds(segs, part)).all()


@pytest.mark.parametrize("concept", ["door", "dome", "spire", "path", "window", "lit window"])
def test_the_colour_inside_a_label_is_the_one_its_concept_is_painted_with(concept, world):
    """Where a pixel and its four neighbours carry the name, no other colour is mixed in."""
    images, segs = world
    seen = 0
    for image, mask in zip(images, holds(segs, concept), strict=True):
        inner = np.zeros_like(mask)
        inner[1:-1, 1:-1] = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
        seen += inner.any()
        assert len(np.unique(image[inner], axis=0)) <= 1
    assert seen > 50


def test_lit_windows_glow_and_dark_ones_do_not(world):
    images, segs = world
    assert images[holds(segs, "lit window")].mean(0)[0] > 200
    assert images[holds(segs, "window")].mean(0)[0] < 100


def test_doors_stand_on_walls(world):
    """Left and right of a door, and above it, is wall (or a tree in front of it)."""
    _, segs = world
    for seg in segs:
        door = seg[1] == NUMBER["door"]
        for step in (-1, 1):
            beside = np.roll(door, step, 1) & ~door
            allowed = np.isin(seg[1][beside], [NUMBER["wall"]]) | (seg[0][beside] == NUMBER["tree"])
            assert allowed.all()


def test_domes_and_spires_are_on_churches_only_and_never_both():
    for index in range(N):
        scene = draw(7, index)
        parts = set(np.unique(scene.seg[1]))
        if scene.facts["building"] != "church":
            assert not parts & {NUMBER["dome"], NUMBER["spire"]}
        assert not parts >= {NUMBER["dome"], NUMBER["spire"]}


def test_trees_stand_on_the_ground():
    for index in range(N):
        facts = draw(7, index).facts
        assert all(base > facts["horizon"] for _, base, _, _ in facts["trees"])


def test_paths_lead_to_doors():
    """Where a path is drawn and nothing stands before the door, the pixel under the door belongs to the path."""
    seen = 0
    for index in range(N):
        scene = draw(7, index)
        if scene.facts["path"] is None or scene.facts["building"] == "none" or scene.facts["trees"]:
            continue
        seen += 1
        x, below = int(scene.facts["centre"]), int(np.ceil(scene.facts["base"])) + 1
        assert scene.seg[0, below, x] == NUMBER["path"]
        assert scene.seg[1, below - 4, x] == NUMBER["door"] or scene.facts["building"] == "church"
    assert seen > 10


@pytest.mark.parametrize("concept", [c for c in CONCEPTS if c not in ALWAYS_DRAWN])
def test_without_removes_one_concept_and_nothing_else(concept, world):
    images, segs = (array[:60] for array in world)
    lacking, lacking_segs = draw_batch(60, seed=7, without=(concept,))
    assert not holds(lacking_segs, concept).any()
    touched = holds(segs, concept)
    if concept in ("dome", "spire"):  # one replaces the other, and the top of the tower is painted with it
        touched |= holds(lacking_segs, "spire" if concept == "dome" else "dome")
        touched |= np.isin(segs[:, 1], [NUMBER["wall"]]) & holds(segs, "church")
    np.testing.assert_array_equal(lacking_segs[:, 0][~touched], segs[:, 0][~touched])
    np.testing.assert_array_equal(lacking_segs[:, 1][~touched], segs[:, 1][~touched])
    padded = np.pad(touched, ((0, 0), (1, 1), (1, 1)))
    near = np.any([padded[:, y : y + 64, x : x + 64] for y in range(3) for x in range(3)], axis=0)
    changed = (lacking != images).any(-1) & ~near
    assert changed.mean() < 5e-5  # slivers too thin to carry a label anywhere


@pytest.mark.parametrize(("gone", "instead"), [("dome", "spire"), ("spire", "dome")])
def test_a_church_that_loses_one_gets_the_other(gone, instead, world):
    _, segs = world
    lacking = draw_batch(60, seed=7, without=(gone,))[1]
    losers = holds(segs[:60], gone).any((1, 2))
    assert losers.sum() > 5
    assert holds(lacking, instead).any((1, 2))[losers].all()
    assert not np.isin(draw_batch(60, seed=7, without=("dome", "spire"))[1], [NUMBER["dome"], NUMBER["spire"]]).any()


@pytest.mark.parametrize("wrong", ["castle", "sky", "wall"])
def test_without_refuses_what_cannot_be_left_out(wrong):
    with pytest.raises(ValueError, match=f"`without` takes concepts out of .*got \\['{wrong}'\\]"):
        draw(1, 0, without=(wrong,))


def test_drawing_is_fast():
    began = time.perf_counter()
    draw_batch(50, seed=3)
    assert (time.perf_counter() - began) / 50 < 0.02  # about 1 ms on a free core
