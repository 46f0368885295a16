"""Context directions: on paper for a layer whose keys are the latent, and against the original's."""

import warnings

import numpy as np
import pytest
import torch

CASES = ("progan_layer5", "progan_layer6", "stylegan2_layer5", "stylegan2_layer6")
METHODS = ("zca", "svd", "mean")


@pytest.fixture
def layer(pixels):
    """A layer whose keys are the latent itself, 4 × 4 of 3 numbers."""
    from ganwidgets.rewrite.editable import editable_layer

    return editable_layer(pixels, "1")


@pytest.fixture
def z():
    """Keys of unequal sizes that hang together."""
    mix = torch.tensor([[2.0, 0.3, 0.0], [0.0, 1.0, 0.2], [0.0, 0.0, 0.5]])
    draw = torch.randn(12, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return torch.einsum("ij,bjhw->bihw", mix, draw)


@pytest.fixture
def statistics(layer, z):
    from ganwidgets.rewrite.keys import collect_keys

    return collect_keys(layer, z)


def example(image, *places, size=4, painted=1.0):
    from ganwidgets.rewrite.examples import Example

    region = torch.zeros(size, size)
    for row, column in places:
        region[row, column] = painted
    return Example(image, region)


def directions(layer, examples, z, statistics, rank=1, method="zca", **options):
    from ganwidgets.rewrite.context import context_directions

    return context_directions(layer, examples, z, statistics, rank, method, **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("painted", [1.0, 0.25])
def test_one_pixel_gives_the_inverse_of_the_second_moment_times_its_key(layer, z, statistics, method, painted):
    found = directions(layer, [example(3, (1, 2), painted=painted)], z, statistics, method=method)
    wanted = torch.linalg.solve(statistics.second_moment, z[3, :, 1, 2].double())
    torch.testing.assert_close(found[0].double(), wanted / wanted.norm(), atol=1e-6, rtol=0)


def test_white_keys_give_the_key_itself(layer, z):
    """Where C = 1, the context of one pixel is its key, normalised."""
    from ganwidgets.rewrite.keys import KeyStatistics

    white = KeyStatistics(torch.eye(3, dtype=torch.float64), 16, "1", "", 1)
    found = directions(layer, [example(0, (0, 0))], z, white)
    torch.testing.assert_close(found[0], z[0, :, 0, 0] / z[0, :, 0, 0].norm(), atol=1e-6, rtol=0)


def test_zca_of_two_keys_on_paper(layer):
    """C = diag(4, 1, 1): whitened keys (1, 0, 0) twice and (0, 1, 0) once; whitened again, the first is still first."""
    from ganwidgets.rewrite.keys import KeyStatistics

    z = torch.zeros(1, 3, 4, 4)
    z[0, :, 0, 0], z[0, :, 0, 1], z[0, :, 0, 2] = (torch.tensor(k) for k in ([2.0, 0, 0], [2.0, 0, 0], [0, 1.0, 0]))
    C = torch.diag(torch.tensor([4.0, 1, 1], dtype=torch.float64))
    found = directions(layer, [example(0, (0, 0), (0, 1), (0, 2))], z, KeyStatistics(C, 16, "1", "", 1), rank=2)
    torch.testing.assert_close(found, torch.eye(3)[:2], atol=1e-6, rtol=0)
    weighted = [example(0, (0, 0), (0, 1), painted=0.1), example(0, (0, 2))]
    found = directions(layer, weighted, z, KeyStatistics(C, 16, "1", "", 1), rank=2)
    torch.testing.assert_close(found, torch.eye(3)[[1, 0]], atol=1e-6, rtol=0)


def test_mean_weighs_each_key_by_its_paint(layer, z, statistics):
    examples = [example(1, (0, 0), painted=0.5), example(2, (3, 3))]
    found = directions(layer, examples, z, statistics, method="mean")[0].double()
    key = 0.5 * z[1, :, 0, 0] + z[2, :, 3, 3]
    wanted = torch.linalg.solve(statistics.second_moment, key.double())
    torch.testing.assert_close(found, wanted / wanted.norm(), atol=1e-6, rtol=0)


def test_examples_may_be_in_any_number_of_pictures(layer, z, statistics):
    examples = [example(image, (image % 4, 1)) for image in (11, 3, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10)]
    found = directions(layer, examples, z, statistics, method="mean")[0].double()
    key = sum(z[image, :, image % 4, 1] for image in range(12))
    wanted = torch.linalg.solve(statistics.second_moment, key.double())
    torch.testing.assert_close(found, wanted / wanted.norm(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("method, rank", [("zca", 3), ("svd", 3), ("units", 2), ("mean", 1)])
def test_rows_are_orthonormal_and_the_first_ones_those_of_lower_rank(layer, z, statistics, method, rank):
    examples = [example(0, (0, 0), (1, 1)), example(5, (2, 3)), example(7, (3, 0), (0, 3))]
    found = directions(layer, examples, z, statistics, rank, method)
    torch.testing.assert_close(found @ found.T, torch.eye(rank), atol=1e-6, rtol=0)
    first = directions(layer, examples, z, statistics, 1, method)
    torch.testing.assert_close(found[:1], first, atol=1e-6, rtol=0)
    assert torch.equal(found, directions(layer, examples, z, statistics, rank, method)) and found.dtype == torch.float32


@pytest.mark.parametrize("method", [*METHODS, "units"])
def test_the_size_of_keys_does_not_matter(layer, z, method):
    from ganwidgets.rewrite.keys import collect_keys

    rank = 1 if method == "mean" else 2
    examples = [example(0, (0, 0), (1, 1)), example(5, (2, 3))]
    small, large = (
        directions(layer, examples, scaled, collect_keys(layer, scaled), rank, method, damping=0.1)
        for scaled in (z, z * 1000)
    )
    torch.testing.assert_close(small, large, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_directions_point_to_the_examples(layer, z, statistics, method):
    there = directions(layer, [example(0, (0, 0), (1, 1))], z, statistics, method=method)
    opposite = directions(layer, [example(0, (0, 0), (1, 1))], -z, statistics, method=method)
    torch.testing.assert_close(there, -opposite, atol=1e-6, rtol=0)
    assert float(there[0] @ (z[0, :, 0, 0] + z[0, :, 1, 1])) > 0


def test_strong_damping_gives_the_mean_key(layer, z, statistics):
    found = directions(layer, [example(4, (2, 1))], z, statistics, damping=1e9)
    torch.testing.assert_close(found[0], z[4, :, 2, 1] / z[4, :, 2, 1].norm(), atol=1e-6, rtol=0)


def test_a_direction_whitens_against_the_common_one(layer):
    """Where the first unit is ever on, the context of a place where both are on is about the second."""
    from ganwidgets.rewrite.keys import collect_keys

    z = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(1)) * 0.1
    z[:, 0] += 1.0
    z[0, 1, 0, 0] = 1.0
    found = directions(layer, [example(0, (0, 0))], z, collect_keys(layer, z))[0]
    assert float(found[1]) > 0.95 and abs(float(found[0])) < 0.2


def test_a_rank_above_what_the_examples_span_is_refused_with_the_largest(layer, z, statistics):
    from ganwidgets.rewrite.context import largest_rank

    twice = z.clone()
    twice[0, :, 1, 1] = 0.7 * twice[0, :, 0, 0]  # the same direction, to rounding
    for picture, places, largest in ((z, [(0, 0)], 1), (z, [(0, 0), (1, 1)], 2), (twice, [(0, 0), (1, 1)], 1)):
        examples = [example(0, *places)]
        assert largest_rank(layer, examples, picture, statistics) == largest
        directions(layer, examples, picture, statistics, largest)
        with pytest.raises(ValueError, match=f"`rank` must be from 1 to {largest} for these 1 examples"):
            directions(layer, examples, picture, statistics, largest + 1)
    assert largest_rank(layer, [example(0, *np.ndindex(4, 4))], z, statistics) == 3
    for method, largest in (("mean", 1), ("units", 3), ("svd", 3)):
        many = [example(0, *np.ndindex(4, 4))]
        assert largest_rank(layer, many, z, statistics, method) == largest
        with pytest.raises(ValueError, match=f"`rank` must be from 1 to {largest} .* method '{method}', got 4"):
            directions(layer, many, z, statistics, 4, method)
    with pytest.raises(ValueError, match=r"from 1 to 1 .* got 0"):
        directions(layer, [example(0, (0, 0))], z, statistics, 0)


def test_a_direction_that_never_occurs_is_left_out_and_said(layer, z):
    from ganwidgets.rewrite.keys import collect_keys

    z = z.clone()
    z[:, 2] = 0
    statistics = collect_keys(layer, z)
    assert statistics.n_silent == 1
    z[0, :, 0, 0] = torch.tensor([0.5, 0.5, 7.0])  # now it does, but not in the statistics
    with pytest.warns(UserWarning, match="singular: 1 of 3 directions of the keys do not occur"):
        found = directions(layer, [example(0, (0, 0))], z, statistics)
    wanted = torch.linalg.pinv(statistics.second_moment) @ z[0, :, 0, 0].double()
    torch.testing.assert_close(found[0].double(), wanted / wanted.norm(), atol=1e-6, rtol=0)
    damped = directions(layer, [example(0, (0, 0))], z, statistics, damping=1e-3)  # no warning: they are errors
    assert damped.isfinite().all() and float(damped[0, 2]) > 0.9
    z[0, :, 0, 0] = torch.tensor([0, 0, 7.0])
    with pytest.warns(UserWarning, match="singular"), pytest.raises(ValueError, match="theirs are zero there"):
        directions(layer, [example(0, (0, 0))], z, statistics)


def test_whitening_is_public_and_says_so_too():
    from ganwidgets.rewrite.context import whitening

    C = torch.diag(torch.tensor([4.0, 1.0, -1e-9], dtype=torch.float64))
    with pytest.warns(UserWarning, match="singular: 1 of 3"):
        assert whitening(C).diagonal().tolist() == [0.5, 1, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert whitening(C, damping=1e-6).isfinite().all()
        torch.testing.assert_close(whitening(C[:2, :2]), torch.diag(torch.tensor([0.5, 1.0], dtype=torch.float64)))


def test_single_units_are_those_with_the_rarest_values(layer, z):
    from ganwidgets.rewrite.keys import collect_keys

    z = z.clone()
    z[2, 1, 0, 0], z[2, 2, 0, 0], z[2, 0, 0, 0] = 50.0, float(z[:, 2].median()), float(z[:, 0].min())
    found = directions(layer, [example(2, (0, 0))], z, collect_keys(layer, z), 2, "units")
    assert found.tolist() == [[0, 1, 0], [0, 0, 1]]


def test_rarity_is_the_share_above_exactly(layer, z):
    from ganwidgets.rewrite.rarity import rarity

    keys = torch.tensor([[-99.0, 0.1, 99.0], [0.3, 0.2, float(z[0, 2, 0, 0])]])
    told = []
    found = rarity(layer, keys, z, batch=5, progress=told.append)
    values = z.transpose(0, 1).flatten(1)
    for place, unit in np.ndindex(2, 3):
        above = float((values[unit] > keys[place, unit]).sum() + 0.5 * (values[unit] == keys[place, unit]).sum())
        assert float(found[place, unit]) == pytest.approx(-np.log(max(above, 0.5) / 192), abs=1e-12)
    assert told == [5 / 12, 10 / 12, 1]


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_whitening_is_that_of_the_original(case):
    from ganwidgets.rewrite.context import whitening

    wanted = case.arrays["zca"].double()
    assert float((whitening(case.statistics.second_moment) - wanted).abs().max()) < 2e-3 * float(wanted.max())


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_masks_are_read_as_the_original_does(case):
    from ganwidgets.rewrite.examples import region_at

    sizes = {"k": case.editable.key_size, "v": case.editable.value_size}
    named = {"object": case.request.object, "paste": case.request.paste, "query": case.request.query}
    named |= {f"key{number}": one for number, one in enumerate(case.request.examples)}
    checked = 0
    for name, wanted in case.arrays.items():
        if name.startswith("area_"):
            at, mask = name.removeprefix("area_").split(".")
            found = region_at(named[mask].region, sizes[at], legacy=True)
            assert float((found - wanted).abs().max()) <= 1 / 255 and found.sum() > 0
            checked += 1
    assert checked == 9


@pytest.mark.parametrize("case", CASES, indirect=True)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("masks", ["1mask", "3masks"])
def test_directions_are_those_of_the_original(case, method, masks):
    examples = case.request.examples[: int(masks[0])]
    for rank in (1,) if method == "mean" else (1, 3):
        name = f"D.{method}.{masks}" + ("" if method == "mean" else f".rank{rank}")
        wanted = case.arrays[name]
        found = directions(case.editable, examples, case.z, case.statistics, rank, method, legacy=True)
        torch.testing.assert_close(found @ found.T, torch.eye(rank), atol=1e-5, rtol=0)
        torch.testing.assert_close(found.T @ found, wanted.T @ wanted, atol=1e-3, rtol=0)
        if rank == 1 or method == "zca":  # of svd, only the first row has a sign there
            torch.testing.assert_close(found, wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize("case", ["progan_layer6"], indirect=True)
def test_units_are_those_of_the_original(case):
    found = directions(case.editable, case.request.examples, case.z, case.statistics, 3, "units", legacy=True)
    assert torch.equal(found, case.arrays["D.gandissect.3masks.rank3"])


@pytest.mark.parametrize("case", ["progan_layer5"], indirect=True)
def test_the_original_prefers_a_unit_that_is_highest_outside_the_masks(case):
    """There a value above all others scores infinity, times a weight of 0 is NaN, and NaN comes first."""
    from ganwidgets.rewrite.examples import region_at

    theirs = case.arrays["D.gandissect.3masks.rank3"].argmax(1).tolist()
    ours = directions(case.editable, case.request.examples, case.z, case.statistics, 3, "units", legacy=True)
    assert ours.argmax(1).tolist()[:2] == theirs[1:]
    images = [one.image for one in case.request.examples]
    keys = case.editable.keys(case.editable.run(case.z))[:, theirs[0]]
    painted = torch.stack([region_at(one.region, (16, 16), legacy=True) for one in case.request.examples])
    at_top = keys[images] >= keys.max() - 1e-5
    assert at_top.any() and not (at_top & (painted > 0)).any()


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_the_match_key_is_that_of_the_original(case):
    from ganwidgets.rewrite.context import match_key

    found = match_key(case.editable, case.request.query, case.z, case.statistics, legacy=True)
    torch.testing.assert_close(found, case.arrays["query_key"], atol=1e-3, rtol=0)


def test_own_regions_keep_soft_edges_and_cover_by_area():
    from ganwidgets.rewrite.examples import region_at

    region = torch.zeros(8, 8)
    region[0, :3] = torch.tensor([1.0, 0.5, 0.25])
    assert region_at(region, (4, 4))[0].tolist() == [0.375, 0.0625, 0, 0]
    assert torch.equal(region_at(region, (8, 8)), region)
    for legacy in (False, True):  # other than square
        assert region_at(torch.ones(6, 10), (3, 5), legacy=legacy).equal(torch.ones(3, 5))


def test_examples_that_cannot_be_used_are_refused(layer, z, statistics):
    from ganwidgets.rewrite.examples import Example

    for examples, reason in (
        ([], "`examples` must hold at least one painted region"),
        ([example(0, (0, 0)), example(1)], r"`examples\[1\]` \(picture 1\) paints nothing on the 4 × 4 keys of 1"),
        ([example(12, (0, 0))], r"picture 12, but the sample `z` holds 12.*sample_z\(13\)"),
    ):
        with pytest.raises(ValueError, match=reason):
            directions(layer, examples, z, statistics)
    with pytest.raises(ValueError, match=r"`method` must be one of \['zca', 'svd', 'mean', 'units'\]"):
        directions(layer, [example(0, (0, 0))], z, statistics, method="pca")
    with pytest.raises(ValueError, match="`image` must be at least 0"):
        Example(-1, torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        Example(0, torch.full((2, 2), 1.5))


def test_a_mask_of_one_pixel_counts(layer, z, statistics):
    one = example(3, (130, 200), size=256)  # of the key in row 2, column 3
    found = directions(layer, [one], z, statistics)
    torch.testing.assert_close(found, directions(layer, [example(3, (2, 3))], z, statistics), atol=1e-6, rtol=0)


def test_statistics_of_another_layer_are_refused(layer, z, progan):
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.keys import collect_keys

    other = collect_keys(editable_layer(progan, "layer6"), progan.sample_z(2))
    with pytest.raises(ValueError, match="`statistics` must be of 1 with 3 key units"):
        directions(layer, [example(0, (0, 0))], z, other)
