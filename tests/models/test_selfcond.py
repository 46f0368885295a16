"""Self-conditioned GANs: their checkpoints, against the network written out with torch's functions."""

import pytest
import torch
from torch.nn import functional as F

import ganwidgets as gw
from ganwidgets.models.selfcond import from_state_dict
from ganwidgets.testing import check_generator

UNITS, Z, K, SIZE = (8, 8, 4, 2), 5, 3, 4


def weights(units=UNITS, classes=K, size=SIZE):
    torch.manual_seed(0)
    state = {"get_latent.embedding.weight": torch.randn(classes, size)} if classes else {}
    state |= {
        "fc.weight": torch.randn(16 * units[0], Z + (size if classes else 0)),
        "fc.bias": torch.randn(16 * units[0]),
    }
    before = units[0]
    for level, here in enumerate(units):
        for half in range(2):
            name, middle = f"resnet_{level}_{half}", min(before, here)
            state[f"{name}.conv_0.weight"] = torch.randn(middle, before, 3, 3) * 0.3
            state[f"{name}.conv_1.weight"] = torch.randn(here, middle, 3, 3) * 0.3
            state |= {f"{name}.conv_0.bias": torch.randn(middle), f"{name}.conv_1.bias": torch.randn(here)}
            if before != here:
                state[f"{name}.conv_s.weight"] = torch.randn(here, before, 1, 1) * 0.3
            before = here
    return state | {"conv_img.weight": torch.randn(3, before, 3, 3) * 0.2, "conv_img.bias": torch.randn(3) * 0.1}


def by_hand(state, z, labels):
    """The network in a dozen lines."""
    if labels is not None:
        vectors = state["get_latent.embedding.weight"][labels]
        z = torch.cat([z, vectors / vectors.norm(dim=1, keepdim=True)], 1)
    x = F.linear(z, state["fc.weight"], state["fc.bias"]).reshape(len(z), -1, 4, 4)
    for level in range(4):
        x = x if level == 0 else x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        for half in range(2):
            conv = {key: state.get(f"resnet_{level}_{half}.conv_{key}") for key in ("0.weight", "1.weight", "s.weight")}
            bias = [state[f"resnet_{level}_{half}.conv_{number}.bias"] for number in range(2)]
            dx = F.conv2d(F.leaky_relu(x, 0.2), conv["0.weight"], bias[0], padding=1)
            dx = F.conv2d(F.leaky_relu(dx, 0.2), conv["1.weight"], bias[1], padding=1)
            x = (x if conv["s.weight"] is None else F.conv2d(x, conv["s.weight"])) + 0.1 * dx
    return torch.tanh(F.conv2d(F.leaky_relu(x, 0.2), state["conv_img.weight"], state["conv_img.bias"], padding=1))


def test_the_pictures_are_those_of_the_network_written_out():
    state = weights()
    generator = gw.load(state)
    z, labels = generator.sample_z(4), torch.tensor([0, 2, 1, 2])
    assert torch.allclose(generator.images((z, labels)), by_hand(state, z, labels), atol=1e-5)
    assert generator.n_classes == K and generator.z_shape == (Z,) and generator.image_shape == (3, 32, 32)


def test_one_without_classes():
    state = weights(classes=0)
    generator = gw.load(state)
    z = generator.sample_z(3)
    assert type(generator) is gw.TorchGenerator
    assert torch.allclose(generator.images(z), by_hand(state, z, None), atol=1e-5)


def test_the_older_name_of_the_embedding():
    state = weights()
    state["embedding.weight"] = state.pop("get_latent.embedding.weight")
    assert gw.load(state).n_classes == K


def test_the_average_of_a_checkpoint_is_taken():
    state = weights()
    content = {
        "it": 100000,
        "generator": {f"module.{key}": part * 1.1 for key, part in state.items()},
        "generator_test": {f"module.{key}": part for key, part in state.items()},
        "discriminator": {"module.conv_img.weight": torch.zeros(8, 3, 3, 3), "module.fc.weight": torch.zeros(3, 8)},
        "g_optimizer": {"state": {}, "param_groups": []},
    }
    assert gw.load(content).fingerprint == gw.load(state).fingerprint


@pytest.mark.parametrize("label", [None, 1])
def test_it_keeps_the_promises_of_a_generator(label):
    generator = gw.load(weights()).with_label(label)
    check_generator(generator, "resnet_1_0")
    assert generator.below(generator.sample_z(1), "resnet_1_0").exact_skip


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("resnet_1_1.conv_1.weight", "two convolutions each"),
        ("conv_img.weight", "conv_img.weight"),
        ("fc.bias", "must have|missing|fc"),
        ("resnet_2_0.conv_s.weight", "1 weights missing"),
        ("resnet_0_0.conv_0.bias", "1 weights missing"),
    ],
)
def test_what_is_missing_is_said(gone, words):
    state = weights()
    del state[gone]
    if gone == "fc.bias":  # a layer without a bias is one
        assert from_state_dict(state).z_shape == (Z,)
        return
    with pytest.raises(ValueError, match=words):
        from_state_dict(state)


def test_weights_that_do_not_fit_are_said():
    state = weights()
    with pytest.raises(ValueError, match=r"4 · 4 · 8 outputs in fc.weight, got \(100, 9\)"):
        from_state_dict(state | {"fc.weight": torch.zeros(100, 9)})
    with pytest.raises(ValueError, match="1 surplus"):
        from_state_dict(state | {"extra.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="besides the 4 numbers"):
        from_state_dict(state | {"fc.weight": torch.zeros(128, 4)})
