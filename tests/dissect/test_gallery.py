"""Pictures of a unit: its highest images, and those in which it is high although its concept is absent."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganwidgets.dissect.gallery import COUNTERS, THUMBNAIL, Gallery, Thumbnails, thumbnail_stride

UNITS, CONCEPTS = 3, 4


def dissected(work):
    list(work.steps())
    return work.result()


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_lists_are_those_of_sorting_everything(data):
    """Values are few, so ties are common: of equal ones the earlier image comes first."""
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    random = np.random.RandomState(data.draw(st.integers(0, 999)))
    n = sum(sizes)
    maps = torch.from_numpy(random.randint(0, 5, (n, UNITS, 2, 2)).astype(np.float32))
    concepts = torch.from_numpy(random.randint(0, 2, (n, CONCEPTS)))
    likely = torch.from_numpy(np.stack([random.permutation(CONCEPTS)[:3] for _ in range(UNITS)]))
    gallery, first = Gallery((UNITS, 2, 2), likely, 4, torch.device("cpu")), 0
    for size in sizes:
        gallery.add(maps[first : first + size], concepts[first : first + size], first)
        first += size

    value = maps.amax((2, 3)).numpy()
    concept = likely[:, data.draw(st.integers(0, 2))].numpy()
    counters = gallery.counterexamples(concept)
    for unit in range(UNITS):
        order = np.argsort(-value[:, unit], kind="stable")
        assert [i for i in gallery.top.index[unit].tolist() if i >= 0] == order[:4].tolist()
        lacking = [i for i in order if concepts[i, concept[unit]] == 0][:COUNTERS]
        found = counters["index"][unit]
        assert found[found >= 0].tolist() == lacking
        np.testing.assert_array_equal(counters["value"][unit][: len(lacking)], value[lacking, unit])
        np.testing.assert_array_equal(counters["maps"][unit][: len(lacking)], maps[lacking, unit])


def test_a_concept_that_was_not_followed_has_no_counterexamples():
    gallery = Gallery((UNITS, 2, 2), torch.tensor([[0, 1], [1, 2], [2, 3]]), 2, torch.device("cpu"))
    gallery.add(torch.rand(5, UNITS, 2, 2), torch.zeros(5, CONCEPTS, dtype=torch.int64), 0)
    found = gallery.counterexamples(np.array([1, 3, -1]))["index"]
    assert (found[0, :5] >= 0).all() and (found[1:] == -1).all()


def test_large_maps_are_kept_smaller():
    gallery = Gallery((512, 256, 256), torch.zeros(512, 3, dtype=torch.int64), 8, torch.device("meta"))
    assert 8 <= gallery.map_shape[0] == gallery.map_shape[1] < 64
    kept = gallery.top.maps.nbytes + gallery.counter.maps.nbytes
    assert kept <= 2**26


def test_a_smaller_map_has_the_means():
    gallery = Gallery((40_000, 16, 16), torch.zeros(40_000, 1, dtype=torch.int64), 1, torch.device("cpu"))
    assert gallery.map_shape == (8, 8)
    acts = torch.arange(256.0).view(1, 1, 16, 16).expand(1, 40_000, 16, 16)
    gallery.add(acts, torch.ones(1, 1, dtype=torch.int64), 0)
    assert gallery.top.maps[0, 0, 0, 0] == (0 + 1 + 16 + 17) / 4 and gallery.top.value[0, 0] == 255


def test_thumbnails_are_kept_while_wanted():
    kept = Thumbnails()
    pictures, segs = np.arange(4)[:, None], np.arange(4)[:, None] + 10
    kept.keep({0, 2, 9}, 0, pictures, segs)
    assert sorted(kept.images) == sorted(kept.segs) == [0, 2]
    kept.keep({2, 5}, 4, pictures, segs)
    assert {n: (int(kept.images[n][0]), int(kept.segs[n][0])) for n in kept.images} == {2: (2, 12), 5: (1, 11)}


@pytest.mark.parametrize(
    ("size", "stride"), [((64, 64), 1), ((128, 128), 1), ((129, 8), 2), ((1024, 1024), 8), ((256, 300), 3)]
)
def test_thumbnails_have_at_most_128_pixels_a_side(size, stride):
    assert thumbnail_stride(*size) == stride
    assert max(-(-side // stride) for side in size) <= THUMBNAIL


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
@pytest.mark.parametrize("n", [1, 40, 70, 300])
def test_counterexamples_never_hold_the_concept(planted, reader, start, rule, n):
    result = dissected(start(planted, reader, layers=("layer1", "layer2"), rule=rule, n=n))
    seen = 0
    for name, layer in result.layers.items():
        for unit, concept in enumerate(layer.concept):
            examples = result.counterexamples(unit, name)
            assert not (examples.seg == concept + 1).any()
            assert (np.diff(examples.value) <= 0).all() and len(set(examples.index)) == len(examples)
            seen += len(examples)
            if concept < 0:
                assert len(examples) == 0
    assert seen or n == 1


def test_what_a_label_does_not_explain_is_shown(independent, start):
    """Half of the images in which the unit is active have no red."""
    network, segmenter = independent
    result = dissected(start(network, segmenter, layers=("maps",), top_fraction=0.4))
    examples = result.counterexamples(0)
    active = network.sample_z(128, 1)[:, 0] > 0
    red = network.sample_z(128, 1)[:, 1] > 0
    assert examples.index.tolist() == (active & ~red).nonzero().flatten()[:COUNTERS].tolist()
    assert (examples.value == 1).all() and examples.mask[:, :, :4].all() and not examples.mask[:, :, 4:].any()
    assert (result.counterexamples(1).value == 0).all()  # unit 1 is "red": without red it is silent


@pytest.mark.parametrize("seen", [64, 96, 128])
def test_pictures_of_a_partial_result_are_there(planted, reader, start, seen):
    work = start(planted, reader)
    for now in work.steps():
        if now == seen:
            break
    result = work.result()
    for unit in range(8):
        for examples in (result.exemplars(unit), result.counterexamples(unit)):
            assert (examples.index < seen).all()
            expected = planted.images(planted.sample_z(128))[examples.index]
            np.testing.assert_allclose(examples.images, (expected.permute(0, 2, 3, 1) + 1) * 127.5, atol=0.51)


def test_only_pictures_that_are_shown_are_kept(planted, reader, start):
    work = start(planted, reader, n=300)
    shown = dissected(work)
    wanted = set().union(*(gallery.wanted() for gallery in work._galleries.values()))
    assert set(shown.thumbnails["index"]) == wanted


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1e6, 1e30])
def test_masks_are_right_whatever_the_scale_of_the_activations(make_generator, make_segmenter, start, scale):
    """Half precision has neither 1e-9 nor 1e6."""
    left = torch.zeros(8, 8)
    left[:, :4] = scale

    def maps(z):
        return (z[:, :1] > 0).float()[:, :, None, None] * left

    reads = make_segmenter(lambda images: (images > 0).to(torch.uint8), ["red"])
    network = make_generator(maps, lambda x: (x > 0) * 2.0 - 1)
    result = dissected(start(network, reads, layers=("maps",), top_fraction=0.4))
    assert result.layer().label_iou[0] == 1
    examples = result.exemplars(0)
    assert (examples.mask == (examples.seg[:, 0] == 1)).all() and examples.mask.any()
    assert np.isfinite(result.layer().pictures["top_maps"]).all()
