"""DCGAN generators rebuilt from their weights give the images of the modules they were saved from."""

import importlib.util
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganwidgets.models.checkpoints import load
from ganwidgets.models.dcgan import DCGAN, is_dcgan, read_chain
from ganwidgets.models.files import read_weights


def generator(widths=(6, 5, 4, 3), *, kernels=(4, 4, 4), bias=False, norm=True, same_size=False):
    """The tutorial's generator: names main.0, main.1, …"""
    torch.manual_seed(0)
    layers = []
    for place, (inputs, units) in enumerate(pairwise(widths)):
        last, k = place == len(widths) - 2, kernels[place]
        stride, padding, extra = (2, (k - 1) // 2, k % 2) if place else (1, 0, 0)
        layers.append(nn.ConvTranspose2d(inputs, units, k, stride, padding, extra, bias=bias))
        if norm and not last:
            layers.append(nn.BatchNorm2d(units))
        layers.append(nn.Tanh() if last else nn.ReLU(True))
        if same_size and not place:
            layers += [nn.Conv2d(units, units, 3, padding=1, bias=False), nn.BatchNorm2d(units), nn.ReLU(True)]
    module = nn.Sequential()
    module.add_module("main", nn.Sequential(*layers))
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            nn.init.normal_(part.weight, 1, 0.1)
    return module.eval()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": True},
        {"norm": False, "bias": True},
        {"same_size": True},
        {"widths": (6, 5, 1), "kernels": (7, 4)},
        {"widths": (6, 8, 8, 8, 8, 8, 3), "kernels": (4,) * 6},
        {"widths": (6, 5, 4, 3), "kernels": (4, 2, 6)},
        {"widths": (6, 5, 4, 3), "kernels": (4, 5, 5)},
    ],
    ids=["usual", "bias", "no norm", "same-size layer", "1 channel 14 px", "128 px", "kernels 2 and 6", "kernel 5"],
)
def test_the_rebuilt_generator_gives_the_same_images_and_names(options):
    original = generator(**options)
    rebuilt = DCGAN.from_state_dict(original.state_dict())
    z = torch.randn(2, 6, 1, 1)
    with torch.no_grad():
        assert torch.equal(rebuilt(z), original(z))
    assert list(load(rebuilt).layers) == list(load(original).layers)
    assert not rebuilt.training


def test_the_order_of_a_safetensors_file_does_not_matter(tmp_path):
    from safetensors.torch import save_file

    original = generator((6, 8, 8, 8, 8, 8, 3), kernels=(4,) * 6)
    save_file(original.state_dict(), tmp_path / "weights.safetensors")
    assert list(read_weights(tmp_path / "weights.safetensors")) != list(original.state_dict())
    g = load(tmp_path / "weights.safetensors")
    z = g.sample_z(2)
    with torch.no_grad():
        assert torch.equal(g.images(z), original(z))


def test_names_of_attributes_are_kept():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.deconv1, self.bn1 = nn.ConvTranspose2d(6, 5, 4), nn.BatchNorm2d(5)
            self.deconv2, self.bn2 = nn.ConvTranspose2d(5, 4, 4, 2, 1), nn.BatchNorm2d(4)
            self.deconv3 = nn.ConvTranspose2d(4, 3, 4, 2, 1)

        def forward(self, z):
            x = F.relu(self.bn2(self.deconv2(F.relu(self.bn1(self.deconv1(z))))))
            return self.deconv3(x).tanh()

    original = Named().eval()
    state = dict(sorted(original.state_dict().items()))
    rebuilt = DCGAN.from_state_dict(state)
    names = [name for name, _ in rebuilt.named_children()]
    assert names == ["deconv1", "bn1", "bn1_relu", "deconv2", "bn2", "bn2_relu", "deconv3", "deconv3_tanh"]
    z = torch.randn(2, 6, 1, 1)
    with torch.no_grad():
        assert torch.equal(rebuilt(z), original(z))


def test_blocks_are_nested_as_in_the_file():
    torch.manual_seed(0)
    blocks = nn.Sequential(
        nn.Sequential(nn.ConvTranspose2d(6, 5, 4), nn.BatchNorm2d(5), nn.ReLU()),
        nn.Sequential(nn.ConvTranspose2d(5, 3, 4, 2, 1), nn.Tanh()),
    ).eval()
    rebuilt = DCGAN.from_state_dict(blocks.state_dict())
    z = torch.randn(2, 6, 1, 1)
    with torch.no_grad():
        assert torch.equal(rebuilt(z), blocks(z))
    assert load(rebuilt).below(z, "0").exact_skip


def test_an_activation_whose_number_is_taken_is_named_after_what_it_follows():
    torch.manual_seed(0)
    layers = nn.Module()
    layers.main = nn.ModuleList([nn.ConvTranspose2d(6, 5, 4), nn.ConvTranspose2d(5, 3, 4, 2, 1)])
    rebuilt = DCGAN.from_state_dict(layers.state_dict())
    assert list(rebuilt.main._modules) == ["0", "0_relu", "1", "2"]
    z = torch.randn(2, 6, 1, 1)
    with torch.no_grad():
        assert torch.equal(rebuilt(z), layers.main[1](layers.main[0](z).relu()).tanh())


def test_files_without_batch_counters_are_read():
    state = {k: v for k, v in generator().state_dict().items() if not k.endswith("num_batches_tracked")}
    assert DCGAN.from_state_dict(state)


def test_what_is_no_dcgan_generator():
    torch.manual_seed(0)
    discriminator = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 4))
    tripling = generator((6, 5, 4, 3), kernels=(4, 3, 4))  # stride 1 or 2? not to be told from the weights
    split = {"convs.0.weight": torch.zeros(6, 5, 4, 4), "norms.0.running_mean": torch.zeros(5)}
    split |= {"convs.1.weight": torch.zeros(5, 3, 4, 4)}
    for state in (discriminator.state_dict(), tripling.state_dict(), split, nn.Linear(3, 3).state_dict(), {}):
        assert not is_dcgan(state)
    with pytest.raises(ValueError, match="a DCGAN generator must be a chain"):
        DCGAN.from_state_dict(discriminator.state_dict())


def test_a_small_file_cannot_ask_for_a_huge_image():
    state = {f"{k}.weight": torch.zeros(1, 1, 4, 4) for k in range(40)}
    with pytest.raises(ValueError, match="at most 4096 pixels a side"):
        DCGAN.from_state_dict(state)


# The real one: gan-face-generate, from PyPI

faces = pytest.mark.skipif(
    importlib.util.find_spec("gan_face_generate") is None, reason="the extra `faces` is not installed"
)


@faces
def test_the_face_generator_is_read_from_its_package():
    g = load("faces")
    assert (g.name, g.z_shape, g.image_shape) == ("faces", (100, 1, 1), (3, 64, 64))
    assert [g.layers[f"main.{k}"].shape for k in (2, 5, 8, 11, 13)] == [
        (512, 4, 4),
        (256, 8, 8),
        (128, 16, 16),
        (64, 32, 32),
        (3, 64, 64),
    ]
    assert g.below(g.sample_z(1), "main.5").exact_skip


@faces
def test_the_face_generator_computes_what_its_architecture_says():
    path = Path(importlib.util.find_spec("gan_face_generate").origin).parent / "weights.tar"
    state = torch.load(path, map_location="cpu", weights_only=True)["netG_state_dict"]
    g = load("faces")
    x = z = g.sample_z(4)
    for conv, norm in ((0, 1), (3, 4), (6, 7), (9, 10), (12, None)):
        x = F.conv_transpose2d(x, state[f"main.{conv}.weight"], **({"stride": 2, "padding": 1} if conv else {}))
        if norm:
            mean, var, weight, bias = (
                state[f"main.{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
            )
            x = F.relu(F.batch_norm(x, mean, var, weight, bias))
    torch.testing.assert_close(g.images(z), x.tanh())


RECIPE = Path(__file__).parents[2] / "../shared/data/gan-digiface64-recipe"


@faces
@pytest.mark.skipif(not RECIPE.exists(), reason="the recipe (shared/data) is not beside the repository")
def test_the_face_generator_has_the_recorded_architecture():
    recorded = json.loads((RECIPE / "architecture.json").read_text())["models"]["generator"]
    g = load("faces")
    for layer in recorded["layers"]:
        conv = g.module.get_submodule(layer["key"])
        assert (conv.in_channels, conv.out_channels, *conv.kernel_size) == (
            layer["in"],
            layer["out"],
            layer["kernel"],
            layer["kernel"],
        )
        assert conv.stride[0] == layer["stride"]
        assert conv.padding[0] == layer["padding"]
    assert sum(p.numel() for p in g.module.parameters()) == recorded["parameters"]
    chain = read_chain(g.module.state_dict())
    assert [step.conv for step in chain] == [layer["key"] for layer in recorded["layers"]]
    assert np.isclose(g.images(g.sample_z(8)).std(), 0.47, atol=0.05)


def test_a_small_file_cannot_ask_for_very_many_units_on_large_maps():
    claims = {f"{k}.weight": torch.zeros(1, 1, 4, 4) for k in range(9)}
    claims["9.weight"] = torch.zeros(1, 1, 1, 1).expand(1, 4096, 4, 4)
    claims["10.weight"] = torch.zeros(1, 1, 1, 1).expand(4096, 3, 5, 5)
    with pytest.raises(ValueError, match="at most 268,435,456 numbers a picture, but 9 would give 4,096 maps of 2,048"):
        DCGAN.from_state_dict(claims)
