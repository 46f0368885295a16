"""Latents in, images out: shapes, ranges, and modules as strangers write them."""

import numpy as np
import pytest
import torch
from torch import nn

from ganwidgets.models.edits import zero_units
from ganwidgets.models.generator import TorchGenerator


class Ramp(nn.Module):
    """Images whose every value is `scale` times the first latent; `channels`, height 4, width 6."""

    def __init__(self, channels=3, scale=1.0):
        super().__init__()
        self.channels, self.scale = channels, nn.Parameter(torch.tensor(scale))

    def forward(self, z):
        return self.scale * z[:, :1, None, None].expand(-1, self.channels, 4, 6)


def convolutional():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.ConvTranspose2d(5, 4, 4), nn.ReLU(inplace=True), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Tanh()
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_image_shape_is_found(channels):
    g = TorchGenerator(Ramp(channels, 0.1), z_shape=(2,))
    assert g.image_shape == (channels, 4, 6)
    assert g.images(g.sample_z(3)).shape == (3, channels, 4, 6)


def test_z_shape_is_taken_from_the_first_layer_with_weights():
    g = TorchGenerator(convolutional())
    assert g.z_shape == (5, 1, 1)
    assert g.image_shape == (3, 8, 8)
    flat = nn.Sequential(nn.Linear(7, 48), nn.Unflatten(1, (3, 4, 4)))
    assert TorchGenerator(flat).z_shape == (7,)


def test_a_module_that_spreads_flat_latents_itself_gets_flat_ones():
    class Spreads(nn.Module):
        def __init__(self):
            super().__init__()
            self.main = convolutional()

        def forward(self, z):
            return self.main(z[:, :, None, None])

    assert TorchGenerator(Spreads()).z_shape == (5,)


def test_flat_latents_are_spread_and_wrong_ones_refused():
    g = TorchGenerator(convolutional())
    z = g.sample_z(2)
    assert torch.equal(g.images(z.reshape(2, 5)), g.images(z))
    for wrong in (z[:, :4], z.reshape(10), torch.zeros(2, 5, 2, 1)):
        with pytest.raises(ValueError, match=r"`z` must be \(n, 5, 1, 1\), got .*z\[None\]"):
            g.images(wrong)


def test_sample_z_is_the_published_sequence_and_a_prefix():
    g = TorchGenerator(convolutional())
    expected = np.random.RandomState(3).standard_normal(20).reshape(4, 5, 1, 1).astype(np.float32)
    assert torch.equal(g.sample_z(4, seed=3), torch.from_numpy(expected))
    assert torch.equal(g.sample_z(2, 3), g.sample_z(4, 3)[:2])
    assert torch.equal(g.sample_z(2), g.sample_z(2, seed=1))
    assert g.sample_z(50, truncation=0.5).abs().max() <= 0.5


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ((0,), ValueError, "`n` must be at least 1, got 0"),
        ((2.5,), TypeError, "`n` must be a whole number, got 2.5"),
        ((2, -1), ValueError, "`seed` must be at least 0"),
        ((2, 1, 0.0), ValueError, "`truncation` must be positive"),
    ],
)
def test_bad_counts(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        TorchGenerator(Ramp(), z_shape=(2,)).sample_z(*arguments)


def test_a_sampler_of_its_own():
    g = TorchGenerator(Ramp(), z_shape=(2,), sampler=lambda n, seed: np.full((n, 2), seed, np.float64))
    assert g.sample_z(3, seed=2).tolist() == [[2, 2]] * 3
    assert g.sample_z(1).dtype == torch.float32
    with pytest.raises(ValueError, match="`truncation` needs the standard normal prior"):
        g.sample_z(3, truncation=1.0)


def test_images_are_clamped_and_said_to_be_when_many_lie_beyond():
    g, z = TorchGenerator(Ramp(), z_shape=(1,)), torch.tensor([[-2.0], [0.5], [1.04]])
    with pytest.warns(UserWarning, match="33% of the values of Ramp lie beyond"):
        assert g.images(z)[:, 0, 0, 0].tolist() == [-1, 0.5, 1]
    assert g.images(z, clamp=False)[0, 0, 0, 0] == -2
    assert g.images(z[1:]).max() == 1  # a little beyond is no cause for alarm


def test_values_beyond_the_range_are_told_once(recwarn):
    g, z = TorchGenerator(Ramp(), z_shape=(1,)), torch.tensor([[-2.0]])
    with pytest.warns(UserWarning, match="beyond"):
        g.images(z)
    recwarn.clear()
    g.images(z), g.read(z, [])
    assert not recwarn.list


def test_a_few_values_beyond_are_judged_over_a_fair_sample(recwarn):
    g = TorchGenerator(Ramp(), z_shape=(1,))
    often, seldom = torch.zeros(50, 1), torch.zeros(200, 1)
    often[0] = seldom[0] = 2.0  # 2 % of these, 0.5 % of those
    g.images(often), g.images(seldom), g.images(seldom)
    assert not recwarn.list
    g = TorchGenerator(Ramp(), z_shape=(1,))
    for _ in range(5):
        g.images(often)
    assert not recwarn.list
    with pytest.warns(UserWarning, match="2% of the values of Ramp lie beyond"):
        g.images(often)


def test_another_output_range_is_mapped():
    g = TorchGenerator(Ramp(), z_shape=(1,), output_range=(0, 255))
    assert g.images(torch.tensor([[0.0], [127.5], [255.0]]))[:, 0, 0, 0].tolist() == [-1, 0, 1]
    with pytest.raises(ValueError, match="`output_range` must be"):
        TorchGenerator(Ramp(), z_shape=(1,), output_range=(1, 0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("clamp", [True, False])
def test_images_that_are_not_finite_are_an_error(bad, clamp):
    g = TorchGenerator(Ramp(), z_shape=(1,))
    with pytest.raises(ValueError, match="`images` must be finite, but Ramp gave NaN or infinity in 1 of 2"):
        g.images(torch.tensor([[bad], [0.5]]), clamp=clamp)


def test_read_and_above_give_the_same_images():
    g = TorchGenerator(convolutional(), output_range=(-0.02, 0.02))
    z = g.sample_z(4)
    with pytest.warns(UserWarning, match="beyond"):
        images, (output, found) = g.images(z), g.read(z, ["1"])
        again = g.above(g.below(z, "1"))
    assert torch.equal(output, images)
    assert torch.equal(again, images)
    assert torch.equal(found["1"], g.acts(z, "1"))
    assert g.above(g.below(z, "1"), clamp=False).abs().max() > 1


def test_no_latents_give_no_images():
    g = TorchGenerator(convolutional())
    assert g.images(g.sample_z(2)[:0]).shape == (0, 3, 8, 8)


def test_half_precision_modules_give_float32_images():
    g = TorchGenerator(convolutional().bfloat16())
    assert g.images(g.sample_z(2)).dtype == torch.float32


@pytest.mark.parametrize(
    ("module", "z_shape", "sentence"),
    [
        (nn.Sequential(nn.Conv2d(3, 8, 4), nn.Flatten(), nn.Linear(8, 1)), None, "failed.*Give `z_shape`"),
        (nn.Linear(4, 10), None, "must give images .batch, 1, 3 or 4 channels.*is this the discriminator"),
        (nn.Sequential(nn.Linear(4, 32), nn.Unflatten(1, (2, 4, 4))), (4,), "1, 3 or 4 channels"),
        (nn.Identity(), None, "`z_shape` must be given"),
    ],
)
def test_what_is_no_generator_is_refused(module, z_shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        TorchGenerator(module, z_shape)


def test_fingerprint_knows_the_output_range():
    marks = {TorchGenerator(Ramp(), (1,), output_range=r).fingerprint for r in ((-1, 1), (0, 1))}
    assert len(marks) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_latents_are_the_same_and_noise_is_repeated():
    class Noise(nn.Module):
        def forward(self, x):
            return x + torch.randn_like(x)

    module = convolutional()
    module.insert(2, Noise())
    g = TorchGenerator(module)
    z = g.sample_z(3)
    module.cuda()
    assert torch.equal(g.sample_z(3).cpu(), z)
    images, state = g.images(z), g.below(z, "1")
    before = torch.cuda.get_rng_state()
    assert images.is_cuda
    assert state.exact_skip
    assert torch.equal(g.images(z), images)
    assert torch.equal(g.above(state), images)
    assert torch.equal(torch.cuda.get_rng_state(), before)
    with g.intervene("1", zero_units([0])):
        assert torch.equal(g.above(state), g.images(z))


@pytest.mark.parametrize(
    ("error", "needs"),
    [
        (
            RuntimeError("can't allocate memory: you tried to allocate 8000000000 bytes"),
            "needs 8.0 GB at once, more memory",
        ),
        (MemoryError(), "needs more memory than there is"),
    ],
)
def test_too_little_memory_is_not_taken_for_a_wrong_latent(error, needs):
    class Huge(nn.Module):
        def forward(self, z):
            raise error

    with pytest.raises(ValueError, match="module") as caught:
        TorchGenerator(Huge(), z_shape=(2,))
    assert needs in str(caught.value) and "z_shape" not in str(caught.value)
