"""BigGAN-deep: the package `pytorch-pretrained-biggan`, initialised at random, gives the same pictures."""

import sys
import types
import warnings

import numpy as np
import pytest
import torch

import ganwidgets as gw
from ganwidgets.models.biggan import BigGAN
from ganwidgets.testing import check_generator

CLASSES, Z, STATS = 7, 12, 51


@pytest.fixture(scope="module")
def package():
    """Its `model` module; what it needs to download weights is left out."""
    absent = [name for name in ("boto3", "botocore", "botocore.exceptions") if name not in sys.modules]
    for name in absent:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["botocore.exceptions"].ClientError = Exception
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pytest.importorskip(
                "pytorch_pretrained_biggan.model", reason="pytorch-pretrained-biggan is not installed"
            )
    finally:
        for name in absent:
            del sys.modules[name]


@pytest.fixture(scope="module")
def original(package):
    torch.manual_seed(0)
    layers = [(False, 16, 16), (True, 16, 8), (False, 8, 8), (True, 8, 4), (False, 4, 2), (True, 2, 1)]
    config = sys.modules["pytorch_pretrained_biggan.config"].BigGANConfig(
        output_dim=32,
        z_dim=Z,
        class_embed_dim=Z,
        channel_width=8,
        num_classes=CLASSES,
        layers=layers,
        attention_layer_position=3,
        n_stats=STATS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # its kind of spectral norm is an old one
        network = package.BigGAN(config)
    with torch.no_grad():
        for name, part in (*network.named_buffers(), *network.named_parameters()):
            if name.endswith("running_means"):
                part.normal_(0, 0.3)
            elif name.endswith(("running_vars", "bn.weight")):
                part.uniform_(0.5, 2)
            elif name.endswith(("bn.bias", "gamma")):
                part.normal_(0.5, 0.2)
        for _ in range(3):  # u and v follow the weights in train mode only
            network(torch.randn(2, Z), torch.eye(CLASSES)[:2], 1.0)
    return network.eval()


@pytest.fixture(scope="module")
def generator(original):
    return gw.load(original.state_dict(), "biggan")


@pytest.mark.parametrize("truncation", [1.0, 0.4, 0.43, 0.58, 0.02])
def test_the_pictures_are_those_of_the_package(original, generator, truncation):
    network, labels = generator.truncated(truncation), torch.tensor([0, 1, 6, 3, 3])
    z = network.sample_z(5)
    with torch.no_grad():
        expected = original(z, torch.eye(CLASSES)[labels], truncation)
    assert expected.std() > 0.1
    assert torch.allclose(network.images((z, labels)), expected, atol=2e-5)


def test_sizes_are_read_off_the_weights(generator):
    sizes = generator.module.sizes
    assert (sizes.z_dim, sizes.n_classes, sizes.embedding, sizes.width, sizes.n_stats) == (Z, CLASSES, Z, 8, STATS)
    assert sizes.blocks[3] is None and sizes.blocks[0] == (128, 32, 128) and len(sizes.blocks) == 7
    assert generator.image_shape == (3, 32, 32) and generator.n_classes == CLASSES
    assert generator.layers["generator.layers.1"].shape == (64, 8, 8)


def test_latents_lie_within_two_deviations_times_the_truncation(generator):
    for truncation in (1.0, 0.25):
        z = generator.truncated(truncation).sample_z(400)
        assert 1.7 * truncation < z.abs().max() <= 2 * truncation
        # The standard deviation of a normal cut at 2 is 0.880.
        assert abs(float(z.std()) / truncation - 0.88) < 0.02


def test_truncation_and_label_make_another_network(generator):
    marks = {generator.fingerprint, generator.truncated(0.5).fingerprint, generator.with_label(1).fingerprint}
    assert len(marks) == 3
    both = generator.with_label(2).truncated(0.5)
    assert both.truncation == 0.5 and both.label == 2 and generator.truncation == 1
    assert np.array_equal(generator.truncated(0.5).with_label(2).sample_z(3), both.sample_z(3))
    for wrong in (0, 1.01, -1, True):
        with pytest.raises((ValueError, TypeError), match="truncation"):
            generator.truncated(wrong)


@pytest.mark.parametrize("layer", ["generator.layers.1", "generator.layers.3", "generator.layers.4.conv_1"])
def test_it_keeps_the_promises_of_a_generator(generator, layer):
    check_generator(generator.with_label(3), layer)


def test_damaged_weights_are_refused(original):
    state = dict(original.state_dict())
    with pytest.raises(ValueError, match=r"gen_z\.weight_orig must come with its vectors"):
        BigGAN.from_state_dict({key: part for key, part in state.items() if not key.endswith("gen_z.weight_u")})
    with pytest.raises(ValueError, match=r"1 weights missing"):
        BigGAN.from_state_dict({key: part for key, part in state.items() if not key.endswith("0.conv_1.bias")})
    with pytest.raises(ValueError, match="got 0 blocks"):
        BigGAN.from_state_dict({key: part for key, part in state.items() if ".layers." not in key})
