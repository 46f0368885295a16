"""The threshold search of the rule "iqr": which level wins on paper, and what the sample is counted into."""

import numpy as np
import pytest
import torch

from ganwidgets.dissect.batches import Batches
from ganwidgets.dissect.iou import information_quality_ratio
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.search import FRACTIONS, Level, best_levels
from ganwidgets.dissect.search_sample import SearchSample
from ganwidgets.nn.images import upsample

PIXELS = 10_000
RED, BLUE, DEAD = range(3)


def searched(area, cells):
    """Search one unit and one concept of `area` pixels; `cells` by level: (value, active share, pixels of both).

    At all other levels, of value 1, the unit is active everywhere: such a level says nothing.
    """

    def levels():
        for number in range(len(FRACTIONS)):
            value, active, both = cells.get(number, (1.0, 1.0, area))
            yield Level(torch.tensor([[value]]), torch.tensor([[active]], dtype=torch.float64), torch.tensor([[both]]))

    return best_levels(levels(), torch.tensor([area]), PIXELS)


def ratio(active, share, joint):
    parts = (torch.tensor([float(p)], dtype=torch.float64) for p in (joint, active, share))
    return float(information_quality_ratio(*parts))


def test_the_level_that_is_the_concept_wins():
    found = searched(3000.0, {20: (5.0, 0.2, 2000.0), 40: (4.0, 0.3, 3000.0), 60: (3.0, 0.4, 3000.0)})
    assert found.ratio.tolist() == [[1]] and found.level.tolist() == [[4]]
    assert found.threshold.tolist() == [4] and found.concept.tolist() == [0]


def test_of_equal_levels_the_one_with_the_smaller_fraction_wins():
    found = searched(3000.0, {40: (4.0, 0.3, 3000.0), 41: (3.5, 0.3, 3000.0)})
    assert found.level.tolist() == [[4]]


@pytest.mark.parametrize(
    ("area", "cell", "usable"),
    [
        (3000.0, (4.0, 0.3, 3000.0), True),
        (9.0, (4.0, 0.0009, 9.0), False),  # a concept on less than a thousandth of the pixels
        (10.0, (4.0, 0.001, 10.0), True),
        (3000.0, (0.0, 0.3, 3000.0), False),  # a level that is not above 0
        (3000.0, (-1.0, 0.3, 3000.0), False),
        (3000.0, (4.0, 0.3, 1500.0), False),  # unit and concept agree on 0.15 + 0.55 = 0.7 of the pixels
        (3000.0, (4.0, 0.3, 2000.0), False),  # 0.2 + 0.6 is not more than 0.8
        (3000.0, (4.0, 0.3, 2010.0), True),
    ],
)
def test_levels_that_the_published_code_leaves_out(area, cell, usable):
    found = searched(area, {50: cell})
    expected = ratio(cell[1], area / PIXELS, cell[2] / PIXELS) if usable else 0
    assert found.ratio[0, 0] == pytest.approx(expected) and (found.ratio[0, 0] > 0) == usable


def test_the_last_fraction_is_everything_and_left_out():
    assert FRACTIONS[-1] == 1 and len(FRACTIONS) == 100 and FRACTIONS[0] == pytest.approx(1e-3)
    assert searched(3000.0, {99: (4.0, 0.3, 3000.0)}).ratio.tolist() == [[0]]
    assert searched(3000.0, {98: (4.0, 0.3, 3000.0)}).ratio.tolist() == [[1]]


def test_a_unit_stands_for_the_concept_with_the_highest_ratio():
    """Two units, three concepts; each pair is best at a level of its own."""
    area = torch.tensor([2000.0, 3000.0, 1000.0])
    share = area / PIXELS
    good = {30: (0, 1), 50: (1, 0), 70: (1, 2)}  # level: unit, concept

    def levels():
        for number in range(100):
            active, both = torch.ones(2, 3), area.expand(2, 3).clone()
            if number in good:
                unit, concept = good[number]
                active[unit, concept] = share[concept]
                both[unit, concept] = area[concept] * (0.95 if number == 50 else 1)
            yield Level(torch.tensor([[100.0 - number], [200.0 - number]]), active, both)

    found = best_levels(levels(), area, PIXELS)
    assert found.concept.tolist() == [1, 2] and found.threshold.tolist() == [70, 130]
    assert found.level[1, 0] == 150 and 0.5 < found.ratio[1, 0] < 1


@pytest.fixture
def sample(planted, reader):
    """`sample(n, ...)`: a search sample of the planted generator, and what it was made of."""

    def sample(n, **more):
        options = Options(layers=("layer1", "layer2"), n=n, rule="iqr", batch=16, **more)
        maker = Batches(planted, reader, options)
        z = maker.latents(2)
        batches = [maker.of(z[first : first + 16], first)[0] for first in range(0, n, 16)]
        found = SearchSample(options, maker.grid, maker.category_of)
        for batch in batches:
            found.add(batch)
        return found, batches

    return sample


@pytest.mark.parametrize("n", [10, 64, 100])
def test_every_pixel_is_counted_once(sample, n):
    found, batches = sample(n)
    seg = torch.cat([batch.seg for batch in batches])
    present = torch.stack([((seg > 0) & (seg < 4)).any((1, 2)), (seg == 4).any((1, 2))])
    assert found.done == n and found.pixels == n * 256
    for histogram in found.histograms.values():
        assert (histogram.alone.sum(1) == n * 256).all()
        for number in range(1, 5):
            assert (histogram.joint[:, :, number].sum(1) == (seg == number).sum()).all()
        assert (histogram.joint[:, :, 5:].sum(1) == present.sum(1) * 256).all()
    assert torch.equal(found.area, torch.stack([(seg == number).sum() for number in range(1, 5)]))


def test_pixels_are_counted_in_their_bins(sample):
    found, batches = sample(80)
    maps = torch.cat([batch.acts["layer2"] for batch in batches]).transpose(0, 1).flatten(1)
    histogram = found.histograms["layer2"]
    x = (maps - histogram.edges.origin[:, None]) / histogram.edges.span[:, None]
    for unit, bins in enumerate(histogram.edges.bin_of(x)):
        expected = torch.bincount(bins, minlength=histogram.edges.n_bins)
        assert torch.equal(histogram.alone[unit], expected)


@pytest.mark.parametrize("at_once", [1, 16 * 256 * 3])
def test_units_may_be_counted_in_parts(sample, monkeypatch, at_once):
    whole = sample(80)[0].state()
    monkeypatch.setattr("ganwidgets.dissect.search_sample._AT_ONCE", at_once)
    parts = sample(80)[0].state()
    assert all(torch.equal(part, whole[name]) for name, part in parts.items()) and parts.keys() == whole.keys()


def test_layers_do_not_mix(sample):
    found = sample(80)[0].result()
    one, two = found["layer1"], found["layer2"]  # layer2 is layer1 times 2
    assert torch.equal(one.concept, two.concept)
    torch.testing.assert_close(two.ratio, one.ratio)
    live = [RED, BLUE, 4, 5, 6, 7]
    torch.testing.assert_close(two.threshold[live], one.threshold[live] * 2)


@pytest.mark.parametrize("n", [40, 100])
def test_planted_units_are_found_and_dead_ones_are_not(sample, n):
    """As in the published code a unit's share is that in images which hold the category, a concept's that in all."""
    counts, batches = sample(n)
    found = counts.result()["layer1"]
    holding = sum(int(batch.concepts[:, :3].any(1).sum()) for batch in batches) * 256
    assert found.concept[:2].tolist() == [0, 1]
    for unit in (RED, BLUE):
        area = int(counts.area[unit])
        assert found.ratio[unit, unit] == pytest.approx(
            ratio(area / holding, area / counts.pixels, area / counts.pixels)
        )
        assert 0 < found.threshold[unit] < 1
    assert (found.ratio[DEAD] == 0).all()
    assert (found.ratio[:, 2] == 0).all()  # "green" never occurs


def test_levels_are_those_of_sorting_everything(make_generator, make_segmenter):
    """Continuous units: shares above each level, in images that hold the concept's category, to within a bin."""
    from ganwidgets.dissect.search import histogram_levels

    network = make_generator(lambda z: z.view(-1, 4, 8, 8), lambda x: x[:, :1].tanh(), depth=256)
    read = make_segmenter(lambda images: (images > 0.8).to(torch.uint8) * (images[:, :, :1, :1] > 0), ["bright"])
    options = Options(layers=("maps",), n=128, rule="iqr")
    maker, batches = Batches(network, read, options), []
    found = SearchSample(options, maker.grid, maker.category_of)
    for first in range(0, 128, 32):
        batches.append(maker.of(maker.latents(1)[first : first + 32], first)[0])
        found.add(batches[-1])
    maps = upsample(torch.cat([b.acts["maps"] for b in batches]), maker.grid).transpose(0, 1).flatten(2)
    bright = (torch.cat([b.seg for b in batches]) == 1).any(1)
    holds = bright.any(1)
    assert 20 < holds.sum() < 108
    for fraction, level in zip(
        FRACTIONS[::9], list(histogram_levels(found.histograms["maps"], 1, found.category_of, found.pixels))[::9],
        strict=True,
    ):  # fmt: skip
        for unit in range(4):
            above = maps[unit] > level.value[unit]
            assert float(above.float().mean()) == pytest.approx(fraction, abs=0.005)
            assert float(level.active[unit, 0]) == pytest.approx(float(above[holds].float().mean()), abs=0.005)
            assert float(level.intersection[unit, 0]) == pytest.approx(int((above & bright).sum()), abs=40)


def test_the_second_sample_is_labelled_at_the_thresholds_of_the_first(planted, reader, start):
    work = start(planted, reader, n=100, rule="iqr")
    list(work.steps())
    search, found = work.searches["layer1"], work.result().layer()
    np.testing.assert_allclose(found.threshold, search.threshold.float(), rtol=1e-6)
    named = found.label_iou > 0
    assert named.sum() >= 2
    np.testing.assert_array_equal(found.concept[named], search.concept[torch.from_numpy(named)])


def test_a_unit_is_labelled_by_both_limits(planted, reader, start):
    """IoU above 0.05 and IQR above 0.01, as published."""
    work = start(planted, reader, n=100, rule="iqr")
    list(work.steps())
    found = work.result().layer()
    rows = np.arange(8)
    expected = (found.status == "ok") & (found.label_iou > 0.05) & (found.iqr[rows, found.concept.clip(0)] > 0.01)
    np.testing.assert_array_equal(found.labelled, expected)
    assert found.labelled[RED] and not found.labelled[DEAD]
