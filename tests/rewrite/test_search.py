"""Search: pictures ranked by their best location, on paper and against the original."""

import numpy as np
import pytest
import torch

CASES = ("progan_layer5", "progan_layer6", "stylegan2_layer5", "stylegan2_layer6")


@pytest.fixture
def layer(pixels):
    """A layer whose keys are the latent itself, 4 × 4 of 3 numbers."""
    from ganwidgets.rewrite.editable import editable_layer

    return editable_layer(pixels, "1")


@pytest.fixture
def z():
    """Ten pictures; unit 1 is on at one place of pictures 7 (most), 2 and 4."""
    z = torch.zeros(10, 3, 4, 4)
    z[7, 1, 3, 0], z[2, 1, 0, 2], z[4, 1, 1, 1] = 3.0, 2.0, 1.0
    z[5, 0] = 9.0
    return z


def test_pictures_are_ranked_by_their_best_location(layer, z):
    from ganwidgets.rewrite.search import search

    found = search(layer, z, torch.tensor([0.0, 1.0, 0.0]), k=4, batch=3)
    assert found.images == (7, 2, 4, 0)  # then the first of the equal ones
    assert found.scores.tolist() == [3, 2, 1, 0]
    assert found.peaks.tolist()[:3] == [[3, 0], [0, 2], [1, 1]]
    assert torch.equal(found.maps, z[[7, 2, 4, 0], 1])


@pytest.mark.parametrize("batch", [1, 4, None])
def test_batches_do_not_matter(layer, batch):
    from ganwidgets.rewrite.search import search

    z = torch.randn(23, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    key = torch.tensor([0.6, 0.0, -0.8])
    found, scores = search(layer, z, key, k=5, batch=batch), torch.einsum("i,bihw->bhw", key, z).flatten(1).amax(1)
    order = scores.argsort(descending=True)[:5]
    assert found.images == tuple(order.tolist())
    torch.testing.assert_close(found.scores, scores[order])


@pytest.mark.parametrize("n, quantile", [(23, 0.999), (23, 0.9), (1, 0.5), (1, 0.999), (200, 0.999), (2, 0.01)])
def test_the_level_is_the_exact_quantile_of_all_locations(layer, n, quantile):
    from ganwidgets.rewrite.search import search

    z = torch.randn(n, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    key = torch.tensor([0.6, 0.0, 0.8])
    values = torch.einsum("i,bihw->bhw", key, z).flatten().numpy()
    found = search(layer, z, key, quantile=quantile, batch=7)
    assert found.level == pytest.approx(float(np.quantile(values, quantile, method="hazen")), abs=1e-6)
    assert len(found.images) == min(n, 12) and found.quantile == quantile


def test_a_context_of_several_directions_matches_by_the_length_of_the_part_in_it(layer, z):
    from ganwidgets.rewrite.search import search

    z = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    context = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    found = search(layer, z, context, k=6)
    wanted = torch.einsum("ri,bihw->rbhw", context, z).norm(dim=0)
    torch.testing.assert_close(found.maps, wanted[list(found.images)])
    single, row = search(layer, z, context[0]), search(layer, z, context[:1])
    assert single.images == row.images and torch.equal(single.maps, row.maps)


def test_patches_lie_around_the_peak_inside_the_picture(layer, z):
    from ganwidgets.rewrite.search import search

    found = search(layer, z, torch.tensor([0.0, 1.0, 0.0]), k=3)
    assert found.patches((32, 32)) == ((16, 0, 32, 16), (0, 8, 16, 32), (0, 0, 24, 24))
    assert found.patches((8, 12), around=0) == ((6, 0, 8, 3), (0, 6, 2, 9), (2, 3, 4, 6))


def test_regions_are_where_the_level_is_reached(layer, z):
    from ganwidgets.rewrite.search import search

    found = search(layer, z, torch.tensor([0.0, 1.0, 0.0]), k=3, quantile=0.99)
    assert 1 < found.level < 3
    assert found.regions().nonzero().tolist() == [[0, 3, 0], [1, 0, 2]] and found.regions().dtype == torch.bool


def test_progress_is_told_and_may_stop(layer, z):
    from ganwidgets.rewrite.search import search

    told = []
    search(layer, z, torch.ones(3), batch=4, progress=told.append)
    assert told == [0.4, 0.8, 1.0]

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(layer, z, torch.ones(3), progress=stop)


@pytest.mark.parametrize("directions, options, reason", [
    (torch.ones(4), {}, r"`directions` must be \(3,\) or \(rank, 3\) for 1, got \(4,\)"),
    (torch.ones(1, 1, 3), {}, r"got \(1, 1, 3\)"),
    (torch.ones(0, 3), {}, r"got \(0, 3\)"),
    (torch.ones(3), {"k": 0}, "`k` must be at least 1"),
    (torch.ones(3), {"quantile": 1.0}, "`quantile` must lie between 0 and 1"),
])  # fmt: skip
def test_bad_input_is_refused(layer, z, directions, options, reason):
    from ganwidgets.rewrite.search import search

    with pytest.raises(ValueError, match=reason):
        search(layer, z, directions, **options)
    with pytest.raises(ValueError, match="`z` must hold at least one latent"):
        search(layer, z[:0], torch.ones(3))


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_the_original_finds_the_same(case):
    from ganwidgets.rewrite.search import search

    found = search(case.editable, case.z, case.arrays["query_key"])
    assert found.images[0] == int(case.arrays["query_top12"])
    assert found.level == pytest.approx(float(case.arrays["query_level999.exact"]), abs=1e-4)


@pytest.mark.parametrize("case", ["progan_layer5"], indirect=True)
def test_the_picture_an_example_is_from_is_found(case):
    from ganwidgets.rewrite.context import context_directions
    from ganwidgets.rewrite.search import search

    own = case.request.examples[0]
    context = context_directions(case.editable, [own], case.z, case.statistics)
    assert own.image in search(case.editable, case.z, context, k=10).images
