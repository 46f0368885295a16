"""Maps that add and multiply: what they give on paper, where they are let go, and what does not fit."""

import pytest
import torch


@pytest.fixture
def acts():
    return torch.arange(1.0, 33.0).reshape(1, 2, 4, 4)


def test_add_map_adds(acts):
    from ganwidgets.models.map_edits import add_map

    values = torch.ones(2, 4, 4)
    assert torch.equal(add_map(values).apply(acts), acts + 1)
    assert torch.equal(add_map([1.0, 2.0]).apply(torch.zeros(3, 2)), torch.tensor([[1.0, 2.0]] * 3))


def test_scale_map_multiplies_each_unit_or_all(acts):
    from ganwidgets.models.map_edits import scale_map

    assert torch.equal(scale_map(torch.full((1, 4, 4), 0.5)).apply(acts), acts * 1.5)
    d = torch.zeros(2, 4, 4)
    d[1] = -1
    assert torch.equal(scale_map(d).apply(acts)[:, 1], torch.zeros(1, 4, 4))
    assert torch.equal(scale_map(d).apply(acts)[:, 0], acts[:, 0])


def test_released_places_are_left_exactly(acts):
    from ganwidgets.models.map_edits import scale_map

    released = torch.zeros(8, 8)
    released[:, :4] = 1  # the left half, at twice the layer's size
    out = scale_map(torch.ones(1, 4, 4), released).apply(acts)
    assert torch.equal(out[..., :2], acts[..., :2])
    assert torch.equal(out[..., 2:], 2 * acts[..., 2:])
    half = scale_map(torch.ones(1, 4, 4), torch.full((2, 2), 0.5)).apply(acts)
    assert torch.allclose(half, 1.5 * acts)


def test_one_map_an_image(acts):
    from ganwidgets.models.map_edits import add_map, scale_map

    two = torch.cat([acts, acts])
    assert torch.equal(add_map(torch.stack([acts[0] * 0, acts[0]])).apply(two)[1], 2 * acts[0])
    with pytest.raises(ValueError, match="one an image, 1, got 2"):
        scale_map(torch.zeros(2, 1, 4, 4)).apply(acts)


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 4, 4), (4, 4)])
def test_another_shape_is_refused(shape):
    from ganwidgets.models.map_edits import add_map, scale_map

    with pytest.raises(ValueError, match=r"\(2, 4, 4\)"):
        add_map(torch.zeros(shape)).check((2, 4, 4))
    with pytest.raises(ValueError, match="`d` must be"):
        scale_map(torch.zeros(shape)).check((2, 4, 4))


def test_what_is_no_number_is_refused():
    from ganwidgets.models.map_edits import add_map, scale_map

    with pytest.raises(ValueError, match="must be finite"):
        add_map(torch.tensor([float("nan")]))
    with pytest.raises(ValueError, match=r"`released` must lie in \[0, 1\]"):
        scale_map(torch.zeros(1, 4, 4), torch.full((4, 4), 2.0))
    with pytest.raises(TypeError, match="`values`"):
        add_map("map")


def test_maps_can_be_optimised(acts):
    from ganwidgets.models.map_edits import scale_map

    d = torch.zeros(1, 4, 4, requires_grad=True)
    edit = scale_map(d)
    assert edit.requires_grad
    edit.apply(acts).sum().backward()
    assert torch.equal(d.grad[0], acts[0].sum(0))
