"""What places should become: copied, pasted, kept and erased values, on paper and as the original has them."""

import pytest
import torch
from torch import nn

CASES = ("progan_layer5", "progan_layer6", "stylegan2_layer5", "stylegan2_layer6")


@pytest.fixture(scope="module")
def layer():
    """Values are the keys themselves, which are the latent: z (2, 6, 8)."""
    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.editable import editable_layer

    convolution, colours = nn.Conv2d(2, 2, 1, bias=False), nn.Conv2d(2, 3, 1)
    nn.init.dirac_(convolution.weight)
    return editable_layer(TorchGenerator(nn.Sequential(nn.Identity(), convolution, colours), (2, 6, 8)), "1")


def painted(*boxes, size=(6, 8)):
    region = torch.zeros(size)
    for top, left, bottom, right in boxes:
        region[top:bottom, left:right] = 1
    return region


def pasted(layer, region, size=(2, 2), **options):
    """Ones of this size, copied from the corner of one picture, in the middle of the region of an empty one."""
    from ganwidgets.rewrite.target import copy_object, paste_target

    copied = copy_object(layer, torch.ones(1, 2, 6, 8), painted((0, 0, *size)))
    return paste_target(layer, torch.zeros(1, 2, 6, 8), copied, region, **options)


def test_copying_takes_the_values_in_the_bounding_box(layer):
    from ganwidgets.rewrite.target import copy_object

    z, region = torch.arange(96.0).view(1, 2, 6, 8), painted((1, 2, 3, 3), (2, 4, 4, 5))
    copied = copy_object(layer, z, region)
    assert copied.box == (1, 2, 4, 5) and torch.equal(copied.values, z[0, :, 1:4, 2:5])
    assert torch.equal(copied.area, region[1:4, 2:5])


def test_a_region_of_another_size_counts_by_area(layer):
    from ganwidgets.rewrite.target import copy_object

    copied = copy_object(layer, torch.ones(1, 2, 6, 8), painted((0, 0, 2, 3), size=(12, 16)))
    assert copied.box == (0, 0, 1, 2) and copied.area.tolist() == [[1, 0.5]]


def test_pasting_puts_the_object_in_the_middle(layer):
    target = pasted(layer, painted((1, 2, 5, 6)))
    assert target.box == (2, 3, 4, 5) and torch.equal(target.goal[0], painted((2, 3, 4, 5)))
    assert torch.equal(target.where, painted((2, 3, 4, 5))) and torch.equal(target.area, target.where)
    assert not target.present().any() and target.weight == 1


@pytest.mark.parametrize(
    ("region", "box"),
    [
        ((0, 0, 1, 1), (0, 0, 3, 3)),
        ((5, 7, 6, 8), (3, 5, 6, 8)),
        ((0, 3, 6, 4), (2, 2, 5, 5)),
        ((2, 0, 4, 1), (2, 0, 5, 3)),
    ],
)
def test_at_the_border_it_is_moved_inside(layer, region, box):
    """The middle of rows 0 … 6 is 3, so three rows begin at 2."""
    assert pasted(layer, painted(region), (3, 3)).box == box


def test_the_share_that_is_painted_is_blended_in(layer):
    from ganwidgets.rewrite.target import copy_object, paste_target

    z = torch.full((1, 2, 6, 8), 4.0)
    copied = copy_object(layer, z, 0.25 * painted((0, 0, 2, 2)) + 0.75 * painted((0, 0, 1, 1)))
    soft = paste_target(layer, 0 * z, copied, painted((2, 2, 4, 4)))
    assert soft.goal[0, 2:4, 2:4].tolist() == [[4, 1], [1, 1]] and soft.area.max() == 1
    hard = paste_target(layer, 0 * z, copied, painted((2, 2, 4, 4)), alpha=False)
    assert (hard.goal[:, 2:4, 2:4] == 4).all() and (hard.area[2:4, 2:4] == 1).all()


def test_the_rest_of_the_goal_is_the_picture_bit_by_bit(layer):
    from ganwidgets.rewrite.target import copy_object, paste_target

    z = torch.randn(2, 2, 6, 8)
    target = paste_target(layer, z[:1], copy_object(layer, z[1:], painted((0, 0, 2, 2))), painted((2, 2, 4, 4)))
    changed = (target.goal != target.present()).any(0)
    assert torch.equal(changed, target.where > 0)


def test_a_crop_is_rounded_outward_to_the_keys():
    """Each key writes 2 × 2 values: the box (1, 2, 4, 5) needs keys 0 … 2 and 1 … 3."""
    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.target import copy_object, paste_target

    torch.manual_seed(0)
    spread = nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1)
    editable = editable_layer(TorchGenerator(nn.Sequential(nn.Identity(), spread), (2, 4, 4)), "1")
    z = torch.randn(2, 2, 4, 4)
    copied = copy_object(editable, z[1:], painted((0, 0, 3, 3), size=(8, 8)))
    target = paste_target(editable, z[:1], copied, painted((1, 2, 4, 5), size=(8, 8)))
    crop = target.cropped()
    assert target.box == (1, 2, 4, 5) and torch.equal(editable.keys(crop.state), z[:1, :, 0:2, 1:3])
    assert torch.equal(crop.goal, target.goal[:, 0:4, 2:6]) and crop.where.shape == (4, 4) and crop.where.all()
    with torch.no_grad():
        assert torch.allclose(crop.present(), spread(z[:1, :, 0:2, 1:3])[0])


def test_a_layer_that_does_not_lie_over_its_keys_has_no_crop():
    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.editable import editable_layer

    editable = editable_layer(TorchGenerator(nn.Sequential(nn.Identity(), nn.Conv2d(2, 3, 3)), (2, 6, 6)), "1")
    with pytest.raises(ValueError, match="'crop' needs a layer whose values lie over its keys"):
        pasted_on(editable).cropped()


def pasted_on(editable):
    from ganwidgets.rewrite.target import copy_object, paste_target

    z = torch.randn(2, *editable.network.z_shape)
    region = painted((0, 0, 2, 2), size=editable.value_size)
    return paste_target(editable, z[:1], copy_object(editable, z[1:], region), region)


def test_keeping_is_a_target_that_is_met(layer):
    from ganwidgets.rewrite.target import keep_target

    z = torch.randn(1, 2, 6, 8)
    whole, part = keep_target(layer, z), keep_target(layer, z, painted((1, 1, 3, 4)), weight=2)
    assert torch.equal(whole.goal, whole.present()) and whole.where.all() and whole.box == (0, 0, 6, 8)
    assert part.box == (1, 1, 3, 4) and part.where.sum() == 6 and part.weight == 2 and not part.area.any()


def test_erasing_takes_out_what_units_do(layer):
    from ganwidgets.rewrite.target import erase_target

    z = torch.randn(1, 2, 6, 8)
    target = erase_target(layer, z, painted((1, 1, 3, 4)), [1])
    inside = target.where > 0
    assert torch.equal(target.goal[0], z[0, 0]) and not target.goal[1, inside].any()
    assert torch.equal(target.goal[1, ~inside], z[0, 1, ~inside]) and target.box == (1, 1, 3, 4)


def test_the_whole_map_counts_if_asked(layer):
    target = pasted(layer, painted((2, 2, 4, 4))).whole()
    assert target.where.all() and target.box == (0, 0, 6, 8)


def test_bad_input_is_refused(layer):
    from ganwidgets.rewrite.target import CopiedObject, copy_object, erase_target, keep_target, paste_target

    z, here = torch.zeros(1, 2, 6, 8), painted((0, 0, 2, 2))
    for empty in (
        lambda: copy_object(layer, z, 0 * here),
        lambda: pasted(layer, 0 * here),
        lambda: keep_target(layer, z, 0 * here),
    ):
        with pytest.raises(ValueError, match="must be painted somewhere"):
            empty()
    with pytest.raises(ValueError, match="one latent in a batch of one, got 2"):
        copy_object(layer, torch.zeros(2, 2, 6, 8), here)
    with pytest.raises(ValueError, match="with its 2 units, got 5 units"):
        paste_target(layer, z, CopiedObject(torch.ones(5, 2, 2), torch.ones(2, 2), (0, 0, 2, 2)), here)
    with pytest.raises(ValueError, match="`weight` must be a number above 0, got 0"):
        pasted(layer, here, weight=0)
    for units in ([], [2], [-1]):
        with pytest.raises(ValueError, match="among the 2 of the keys"):
            erase_target(layer, z, here, units)


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_targets_are_those_of_the_original(case):
    from ganwidgets.rewrite.target import copy_object, paste_target

    arrays, facts, editable = case.arrays, case.facts, case.editable
    (copy, copied_from), (paste, pasted_on) = ((e.image, e.region) for e in (case.request.object, case.request.paste))
    copied = copy_object(editable, case.z[copy : copy + 1], copied_from, legacy=True)
    assert torch.allclose(copied.values, arrays["object.acts"][0], atol=1e-3)
    assert torch.allclose(copied.area, arrays["object.area"], atol=1 / 255)
    assert list(copied.box) == facts["object.bounds_tlbr"]
    for alpha in (0, 1):
        z = case.z[paste : paste + 1]
        target = paste_target(editable, z, copied, pasted_on, alpha=bool(alpha), legacy=True)
        crop = target.cropped()
        assert list(target.box) == facts["paste.bounds_tlbr"]
        assert torch.allclose(editable.keys(crop.state), arrays[f"paste.tight1.alpha{alpha}.goal_in"], atol=1e-4)
        assert torch.allclose(crop.goal, arrays[f"paste.tight1.alpha{alpha}.goal_out"][0], atol=1e-3)
    assert torch.allclose(editable.keys(target.state), arrays["paste.tight0.alpha1.goal_in"], atol=1e-4)
    assert torch.allclose(target.goal, arrays["paste.tight0.alpha1.goal_out"][0], atol=1e-3)
