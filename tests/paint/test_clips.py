"""What one picture has at a place, another gets: unchanged, or moved by whole cells."""

import numpy as np
import pytest
import torch

WHOLE = np.ones((16, 16), np.float32)


@pytest.fixture
def pictures(planted):
    """A latent with red, and one without any paint."""
    red, plain = torch.tensor([[1.0, -1, 0.5, -0.5]]), torch.tensor([[-1.0, -1, 0.5, 1]])
    return red, plain


def test_pasting_everything_makes_the_other_picture(planted, pictures):
    from ganwidgets.paint import apply_to_many, copy_region, paste

    red, plain = pictures
    clip = copy_region(planted, red, "layer1", WHOLE)
    assert not torch.equal(planted.images(red), planted.images(plain))
    assert torch.equal(apply_to_many(planted, [paste(clip)], plain), planted.images(red))


def test_only_what_was_marked_goes_over(planted, pictures):
    from ganwidgets.paint import apply_to_many, copy_region, paste

    red, plain = pictures
    marked = np.zeros((16, 16), np.float32)
    marked[2:6, 3:12] = 1  # red ends at column 8
    painted = apply_to_many(planted, [paste(copy_region(planted, red, "layer2", marked))], plain)[0, 0] > 0.5
    expected = torch.zeros(16, 16, dtype=torch.bool)
    expected[2:6, 3:8] = True
    assert torch.equal(painted, expected)


def test_a_clip_moves_by_whole_cells_and_is_cut_at_the_border(planted, pictures):
    from ganwidgets.paint import apply_to_many, copy_region, paste

    red, plain = pictures
    marked = np.zeros((16, 16), np.float32)
    marked[2:6, 3:7] = 1
    clip = copy_region(planted, red, "layer1", marked)
    for move, rows, columns in (((0.5, 0.25), (10, 14), (7, 11)), ((-0.25, 0.62), (0, 2), (13, 16))):
        painted = apply_to_many(planted, [paste(clip, move=move)], plain)[0, 0] > 0.5
        expected = torch.zeros(16, 16, dtype=torch.bool)
        expected[slice(*rows), slice(*columns)] = True
        assert torch.equal(painted, expected), move
    with pytest.raises(ValueError, match="`move` must leave a part of the clip"):
        paste(clip, move=(1, 0))


@pytest.mark.parametrize("region", [(2, 2), (4, 8), (8, 4), (8, 8), (3, 5), (16, 6), (12, 100)])
@pytest.mark.parametrize("cells", [(8, 8), (4, 8), (5, 3)])
@pytest.mark.parametrize("move", [(0, 0), (0.125, 0.25), (-0.25, 0.5), (0.4, -1 / 3)])
def test_the_region_moves_by_exactly_as_much_as_the_activations(region, cells, move):
    """Whichever of the two is coarser: the layer sees of the region what it saw before, moved by whole cells."""
    from ganwidgets.nn.regions import resize
    from ganwidgets.paint import Clip, paste
    from ganwidgets.paint.clips import _shifted

    marked = torch.rand(region, generator=torch.Generator().manual_seed(0))
    acts = torch.rand(2, *cells, generator=torch.Generator().manual_seed(1))
    stroke = paste(Clip("layer", acts, marked), move=move)
    steps = [round(share * size) for share, size in zip(move, cells, strict=True)]
    expected = _shifted(resize(marked, cells), steps)
    torch.testing.assert_close(resize(stroke.region, cells), expected, atol=1e-6, rtol=0)
    assert torch.equal(stroke.value, _shifted(acts, steps))
    share = marked.mean() if steps == [0, 0] else expected.mean()
    assert float(stroke.region.mean()) == pytest.approx(float(share), abs=1e-6)
    assert set(stroke.region.unique().tolist()) <= {0.0, *marked.unique().tolist()}  # divided, not blurred


def test_a_region_too_large_to_be_divided_moves_as_the_layer_sees_it():
    from ganwidgets.nn.regions import resize
    from ganwidgets.paint import Clip, paste

    marked = torch.zeros(1023, 2)
    marked[:300, 0] = 1
    stroke = paste(Clip("layer", torch.zeros(1, 1024, 2), marked), move=(0.25, 0.5))
    rows = resize(stroke.region, (1024, 2))[:, 1].nonzero()
    assert (int(rows.min()), int(rows.max())) == (256, 256 + 300) and not stroke.region[:, 0].any()


def test_chosen_units_and_half_the_strength(planted, pictures):
    from ganwidgets.paint import apply_to_many, copy_region, paste

    red, plain = pictures
    clip = copy_region(planted, red, "layer1", WHOLE)
    assert torch.equal(apply_to_many(planted, [paste(clip, units=[1, 5])], plain), planted.images(plain))
    half = apply_to_many(planted, [paste(clip, units=[0], strength=0.5)], plain)
    assert half[0, 0, :, :8].unique().tolist() == [0.5]
    with pytest.raises(ValueError, match="`units` must lie in 0 to 7"):
        paste(clip, units=[8])


def test_the_strokes_on_a_picture_are_copied_with_it(planted, pictures):
    from ganwidgets.paint import Stroke, apply_to_many, copy_region, paste

    _, plain = pictures
    stroke = Stroke("layer1", [0], WHOLE, 1.0)
    clip = copy_region(planted, plain, "layer2", WHOLE, strokes=[stroke])
    assert torch.equal(apply_to_many(planted, [paste(clip)], plain), apply_to_many(planted, [stroke], plain))


def test_a_layer_of_other_height_and_width_than_the_picture():
    from ganwidgets.models import TorchGenerator
    from ganwidgets.paint import apply_to_many, copy_region, paste

    class Maps(torch.nn.Module):
        def forward(self, z):
            return z.reshape(-1, 1, 2, 3).repeat(1, 3, 1, 1)

    module = torch.nn.Sequential(Maps(), torch.nn.Upsample(scale_factor=4))
    network = TorchGenerator(module, z_shape=(6,))
    marked = np.zeros((8, 12), np.float32)
    marked[:4, :4] = 1  # the first cell
    one, zero = torch.tensor([[0.5, 0, 0, 0, 0, 0]]), torch.zeros(1, 6)
    painted = apply_to_many(network, [paste(copy_region(network, one, "0", marked), move=(0.5, 2 / 3))], zero)
    expected = torch.zeros(8, 12)
    expected[4:, 8:] = 0.5
    assert torch.equal(painted[0, 0], expected)


def test_bad_input_is_one_sentence(planted):
    from ganwidgets.paint import copy_region

    z = planted.sample_z(1)
    for layer, region, reason in (
        ("layer1", WHOLE * 0, "`region` must have something marked"),
        ("layer9", WHOLE, "`layer` must be one of"),
        ("layer1", WHOLE * 3, "`region` must lie in"),
    ):
        with pytest.raises(ValueError, match=reason):
            copy_region(planted, z, layer, region)
    with pytest.raises(ValueError, match="`z` must be one latent in a batch of one, got 2"):
        copy_region(planted, planted.sample_z(2), "layer1", WHOLE)
