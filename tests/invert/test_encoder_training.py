"""The recipe: what is learned falls, gradients are taken anew in every step, and the network is only read."""

import math

import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.invert.encoder_latents import drawn, latent_space
from ganwidgets.invert.encoder_nets import Direct, Layered
from ganwidgets.invert.encoder_recipe import KINDS, Recipe
from ganwidgets.invert.encoder_training import (
    Training,
    chain_of,
    cosine_error,
    learn,
    passes_gradients,
)
from ganwidgets.models import ConditionalGenerator, StyleGAN2, StyleGAN2Generator
from ganwidgets.models.progan import ProGAN


def small_progan(seed: int = 0) -> gw.TorchGenerator:
    return gw.TorchGenerator(calm(ProGAN((8, 12, 12)), seed), name="small")


def calm(module: nn.Sequential, seed: int = 0) -> nn.Sequential:
    """Weights from a seed, and pictures within [-1, 1]."""
    random = torch.Generator().manual_seed(seed)
    for name, part in module.named_parameters():
        if name.endswith("conv.weight"):
            nn.init.normal_(part, generator=random)
    module[-1].conv.weight.data.mul_(0.2)
    return module


def run(training: Training) -> Training:
    while not training.done:
        training.step()
    return training


def test_cosine_errors_are_those_on_paper():
    a = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 3, 3)
    b = torch.tensor([0.0, 5.0]).reshape(1, 2, 1, 1).expand(1, 2, 3, 3)
    assert float(cosine_error(a, 7 * a)) == pytest.approx(0, abs=1e-6)
    assert float(cosine_error(a, b)) == pytest.approx(1)
    assert float(cosine_error(a, -a)) == pytest.approx(2)
    assert float(cosine_error(a, a + b / 5)) == pytest.approx(1 - math.sqrt(0.5))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_falls(kind):
    recipe = Recipe(apart=30, together=30, batch=8, pool=32, lr=5e-3, lr_together=5e-3)
    training, losses = Training(small_progan(), kind, "layer4" if kind == "layered" else "", recipe), []
    while not training.done:
        training.step()
        losses.append(dict(training.losses))
    for first, last in ((0, 29), (30, 59)):
        for name in losses[first]:
            if name not in ("picture", "acts again"):  # which the first stage made good already, or nearly
                assert losses[last][name] < losses[first][name], (name, losses[first], losses[last])


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_the_same_where_gradients_are_off_as_in_jobs(kind):
    about = small_progan(), kind, "layer4" if kind == "layered" else "", Recipe(apart=2, together=2, batch=4, pool=8)
    first = run(Training(*about))
    with torch.no_grad():
        second = run(Training(*about))
    own = second.net.state_dict()
    assert all(torch.equal(part, own[name]) for name, part in first.net.state_dict().items())


def test_gradients_are_taken_anew_in_every_step():
    """In the published code they add up over the whole run, as nobody set them to zero."""
    recipe = Recipe(apart=3, together=3, batch=8, pool=8, reuse=100, lr=0, lr_together=0)
    training, seen = Training(small_progan(), "direct", "", recipe), []
    training.adam.register_step_pre_hook(
        lambda adam, *_: seen.append(torch.cat([part.grad.flatten() for part in training.net.parameters()]))
    )
    run(training)
    for one, other in ((0, 1), (1, 2), (3, 4), (4, 5)):  # the same pictures and, without a rate, the same weights
        assert seen[one].norm() > 0
        torch.testing.assert_close(seen[other], seen[one], rtol=1e-3, atol=1e-5)


def test_a_step_learns_from_its_own_loss_alone():
    weight, seen = nn.Parameter(torch.tensor(2.0)), []
    adam = torch.optim.Adam([weight])
    adam.register_step_pre_hook(lambda *_: seen.append(float(weight.grad)))
    weight.grad = torch.tensor(1000.0)  # somebody else's
    for slope in (3.0, 3.0, -1.0):
        learn(slope * weight, adam, 1e-3)
    assert seen == [3, 3, -1] and weight.grad is None


def test_the_network_is_only_read():
    network = small_progan()
    network.module.train()
    before = network.fingerprint
    run(Training(network, "layered", "layer4", Recipe(apart=2, together=2, batch=4, pool=8)))
    assert network.fingerprint == before and network.module.training
    assert all(part.grad is None for part in network.module.parameters())
    assert not any(module._forward_hooks for module in network.module.modules())


def test_torchs_own_random_numbers_stay_as_they_are():
    network = small_progan()
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    one = run(Training(network, "layered", "layer4", Recipe(apart=1, together=1, batch=4, pool=8)))
    assert torch.equal(torch.rand(3), wanted)
    two = run(Training(network, "layered", "layer4", Recipe(apart=1, together=1, batch=4, pool=8)))
    assert all(torch.equal(a, b) for a, b in zip(one.net.parameters(), two.net.parameters(), strict=True))


def test_batches_go_through_the_pool_and_then_through_another():
    training = Training(small_progan(), "direct", "", Recipe(apart=8, together=0, batch=4, pool=8, reuse=2))
    latents = []
    for training.number in range(8):
        sample, images = training._batch()
        torch.testing.assert_close(images, training.network.images(sample.latents), rtol=0, atol=1e-5)
        latents.append({tuple(row.tolist()) for row in sample.latents.flatten(1)})
    once, again, other = (latents[i] | latents[i + 1] for i in (0, 2, 4))
    assert len(once) == 8 and once == again and not once & other
    assert latents[0] != latents[2], "the same pictures in another order"


def test_the_running_means_are_used_when_it_is_used():
    training = run(Training(small_progan(), "direct", "", Recipe(apart=3, together=0, batch=8, pool=8)))
    from ganwidgets.invert.encoder_result import finished

    encoder, images = finished(training), training._batch()[1]
    assert not any(part.training for part in encoder.net.modules())
    torch.testing.assert_close(encoder.z(images[:1]), encoder.z(images)[:1], rtol=1e-3, atol=1e-4)


def test_layers_of_their_own():
    network = gw.TorchGenerator(calm(ProGAN((8, 12, 12, 8))), name="small")
    assert chain_of(network, "layer4") == ("layer1", "layer2", "layer3", "layer4")
    assert chain_of(network, "layer6") == ("layer1", "layer3", "layer4", "layer6")
    assert chain_of(network, "layer1") == ("layer1",)
    assert chain_of(network, "layer3.conv") == ("layer1", "layer2", "layer3.conv")


def test_a_layer_without_maps_is_refused():
    network = gw.TorchGenerator(nn.Sequential(nn.Linear(6, 48), nn.Unflatten(1, (3, 4, 4)), nn.Identity()), (6,))
    with pytest.raises(ValueError, match="`layer` must give maps"):
        chain_of(network, "0")


def test_a_loss_that_is_not_finite_is_said():
    training = Training(small_progan(), "direct", "", Recipe(apart=400, together=0, batch=4, pool=4, lr=1e30))
    with pytest.raises(ValueError, match=r"the loss became .* at step \d+: train with a lower `lr`"):
        run(training)


# Every kind of generator


def quick(network, kind, layer=None):
    from ganwidgets.invert.encoder import encoder_for

    recipe = Recipe(apart=2, together=2, batch=4, pool=8)
    encoder = encoder_for(network, kind, layer=layer, recipe=recipe, cache=False)
    sample = drawn(network, 3, 9)
    images = network.images(sample.inputs(network))
    found = encoder.z(images)
    assert found.shape == sample.latents.shape and bool(found.isfinite().all())
    assert network.images(sample.inputs(network, found)).shape == images.shape
    if kind == "layered":
        assert encoder.acts(images).shape == (3, *network.layers[encoder.layer].shape)
    return encoder


@pytest.mark.filterwarnings("ignore:.*lie beyond")  # random weights fill more than [-1, 1]
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_stylegan_w_is_found(kind):
    torch.manual_seed(0)
    network = StyleGAN2Generator(StyleGAN2((8, 8), style_dim=12, n_mlp=2), "style")
    assert quick(network, kind).space == "w"
    half = network.truncated(0.5)
    sample = drawn(half, 4, 1)
    torch.testing.assert_close(half.images(sample.inputs(half)), half.images(half.sample_z(4, 1)))


class ByClass(nn.Module):
    """Every class has its own grey level."""

    def __init__(self):
        super().__init__()
        self.spread = nn.ConvTranspose2d(7, 8, 4)
        self.up = nn.Sequential(nn.LeakyReLU(0.2), nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh())

    def forward(self, z, classes):
        return self.up(self.spread(torch.cat([z, classes], 1)[:, :, None, None]))


@pytest.mark.parametrize("label", [None, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_network_with_classes_the_label_stays(kind, label):
    torch.manual_seed(0)
    network = ConditionalGenerator(ByClass(), (4,), 3, label=label)
    assert quick(network, kind).latents.shape == (4,)
    sample = drawn(network, 5, 2)
    latents, labels = sample.inputs(network, -sample.latents)
    assert torch.equal(labels, network.labels_of(sample.latents)) and torch.equal(latents, -sample.latents)


@pytest.mark.parametrize("kind", KINDS)
def test_latents_that_are_maps_and_pictures_that_are_not_square(kind):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=3), nn.Conv2d(8, 1, 1))
    network = gw.TorchGenerator(body, (4, 5, 7))
    assert network.image_shape == (1, 15, 21)
    quick(network, kind)


def test_a_network_without_gradients_is_learned_from_its_latents():
    class Frozen(ProGAN):
        def forward(self, x):
            with torch.no_grad():
                return super().forward(x)

    network = gw.TorchGenerator(calm(Frozen((8, 8, 8))), name="frozen")
    assert not passes_gradients(network) and passes_gradients(small_progan())
    training = run(Training(network, "layered", "layer2", Recipe(apart=1, together=1, batch=4, pool=4)))
    assert set(training.losses) == {"acts", "latent"}


def test_only_directions_count_where_the_length_of_a_latent_changes_nothing():
    space = latent_space(small_progan())
    z = torch.randn(6, 8, 1, 1)
    assert space.scale_free
    torch.testing.assert_close(space.to_rows(3 * z), space.to_rows(z))
    torch.testing.assert_close(space.from_rows(space.to_rows(z)).flatten(1).norm(dim=1), torch.full((6,), 8**0.5))
    assert float(space.error(5 * space.to_rows(z), z)) == pytest.approx(0, abs=1e-6)


def test_priors_of_their_own_are_standardised():
    module = nn.Sequential(nn.ConvTranspose2d(3, 3, 4), nn.Tanh())
    network = gw.TorchGenerator(
        module, (3, 1, 1), sampler=lambda n, seed: torch.rand(n, 3, 1, 1, generator=torch.Generator().manual_seed(seed))
    )
    space = latent_space(network)
    rows = space.to_rows(network.sample_z(2000, 4))
    assert not space.scale_free and rows.mean(0).abs().max() < 0.1 and (rows.std(0) - 1).abs().max() < 0.1
    z = network.sample_z(5, 3)
    torch.testing.assert_close(space.from_rows(space.to_rows(z)), z)


@pytest.mark.parametrize("image", [(1, 28, 28), (3, 64, 64), (3, 17, 40), (4, 8, 8), (3, 4, 4)])
def test_shapes_of_all_kinds_fit(image):
    batch = torch.zeros(2, *image)
    assert Direct(image, (6,))(batch).shape == (2, 6)
    net = Layered(image, [(7, 1, 1), (12, 4, 4), (5, *image[1:])], (6, 1, 1)).eval()
    assert net.image_to_acts(batch).shape == (2, 5, *image[1:]) and net(batch).shape == (2, 6)
