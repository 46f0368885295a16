"""The published Progressive GAN: numbers of the reference implementation, all three naming conventions."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ganwidgets.models.checkpoints import load
from ganwidgets.models.files import read_weights
from ganwidgets.models.progan import ProGAN, canonical_keys, is_progan
from ganwidgets.models.progan_names import WRITERS

GOLDEN = Path(__file__).parents[1] / "data" / "proggan"
FILES = ["current.pth", "current.safetensors", "old_features.pth", "tf_variables.npz", "nested_module_legacy.pth"]
FILES = [*(f"tiny8/{name}" for name in (*FILES, "nested_zip.pth")), "current.safetensors", "tf_variables.npz"]


def outputs(name):
    with np.load((GOLDEN / name).parent / "outputs.npz") as file:
        return dict(file)


def uint8(images):
    return ((images + 1) / 2 * 255).clamp(0, 255).to(torch.uint8).numpy()


@pytest.mark.filterwarnings("ignore:.*lie beyond")  # random weights fill more than [-1, 1]
@pytest.mark.parametrize("name", FILES)
def test_images_and_activations_are_those_of_the_reference(name):
    golden, g = outputs(name), load(GOLDEN / name)
    z = torch.from_numpy(golden["z"])
    layers = [key.removeprefix("act.") for key in golden if key.startswith("act.")]
    images, found = g.read(z, layers, clamp=False)
    np.testing.assert_allclose(images, golden["image"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(g.images(z), golden["image_tanh"], rtol=1e-4, atol=1e-4)
    assert layers == [name for name in g.layers if name.startswith("layer") and "." not in name]
    for layer in layers:
        np.testing.assert_allclose(found[layer], golden[f"act.{layer}"], rtol=1e-4, atol=1e-4)
    levels = np.abs(uint8(images).astype(int) - golden["image_uint8"])
    assert levels.max() <= 1
    assert (levels > 0).mean() < 1e-3


@pytest.mark.parametrize("name", FILES)
def test_conversions_between_conventions_are_exact(name):
    current = read_weights((GOLDEN / name).parent / "current.safetensors")
    state = ProGAN.from_state_dict(read_weights(GOLDEN / name)).state_dict()
    assert state.keys() == current.keys()
    assert all(torch.equal(state[key], current[key]) for key in state)


def test_the_architecture_is_read_off_the_weights():
    network = ProGAN.from_state_dict(read_weights(GOLDEN / "current.safetensors"))
    assert (network.sizes, network.resolution) == ((32, 32, 24, 24, 16), 32)
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    torch.manual_seed(0)
    grey = ProGAN((5, 4, 3), channels=1).half().state_dict()
    network = ProGAN.from_state_dict(grey)
    assert network.output_8x8.conv.weight.shape == (1, 3, 1, 1)
    assert network.output_8x8.conv.weight.dtype == torch.float32  # computed in single precision, however stored


def test_loading_draws_no_random_numbers():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    ProGAN.from_state_dict(read_weights(GOLDEN / "current.safetensors"))
    assert torch.equal(torch.get_rng_state(), state)


def test_flat_and_spread_latents_give_the_same_image():
    torch.manual_seed(0)
    network = ProGAN((5, 4, 3))
    z = torch.randn(2, 5)
    assert torch.equal(network(z), network(z[:, :, None, None]))


def test_above_a_layer_skips_what_lies_below():
    g = load(GOLDEN / "tiny8" / "current.safetensors")
    z = g.sample_z(2)
    assert all(g.below(z, layer).exact_skip for layer in ("layer1", "layer3", "output_8x8"))
    assert g.below(z, "layer3.conv").exact_skip  # so that a rule of one convolution is changed at once


def test_rgb_outputs_of_lower_resolutions_are_ignored():
    torch.manual_seed(0)
    state = ProGAN((5, 4, 3)).state_dict()
    lower = {"output_4x4.conv.weight": torch.zeros(3, 4, 1, 1), "output_4x4.wscale.b": torch.zeros(3)}
    assert canonical_keys(lower | state).keys() == state.keys()


def test_broken_state_dicts_say_what_is_missing():
    torch.manual_seed(0)
    state = dict(ProGAN((5, 4, 3)).state_dict())
    with pytest.raises(ValueError, match=r"must have \(4,\) torch.float32 as layer2.wscale.b, got nothing"):
        ProGAN.from_state_dict({key: part for key, part in state.items() if key != "layer2.wscale.b"})
    with pytest.raises(ValueError, match=r"as extra, got \(1,\).*1 surplus"):
        ProGAN.from_state_dict(state | {"extra": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"layer3.conv.weight, got \(3, 4, 5, 5\)"):
        ProGAN.from_state_dict(state | {"layer3.conv.weight": torch.zeros(3, 4, 5, 5)})
    with pytest.raises(ValueError, match="an even number"):
        ProGAN.from_state_dict({key: part for key, part in state.items() if not key.startswith("layer4")})
    with pytest.raises(ValueError, match=r"torch\.int64"):
        ProGAN.from_state_dict(state | {"layer2.wscale.b": torch.zeros(4, dtype=torch.int64)})


def test_a_small_file_cannot_ask_for_a_huge_image():
    state = {"output_4x4.conv.weight": torch.zeros(3, 1, 1, 1)}
    state |= {f"layer{k}.conv.weight": torch.zeros(1, 1, 3, 3) for k in range(1, 61)}
    with pytest.raises(ValueError, match="at most 4096 pixels a side"):
        ProGAN.from_state_dict(state | {"output_2147483648x2147483648.conv.weight": torch.zeros(3, 1, 1, 1)})


def test_the_missing_variable_of_a_tensorflow_file_is_named():
    state = read_weights(GOLDEN / "tiny8" / "tf_variables.npz")
    assert is_progan(state)
    del state["8x8/Conv1/bias"]
    with pytest.raises(ValueError, match="must hold 8x8/Conv1/bias"):
        ProGAN.from_state_dict(state)


def tiny(naming="current"):
    torch.manual_seed(0)
    state = ProGAN((4, 4, 4)).state_dict()
    return {name: part for name, (_, part) in WRITERS[naming](state, None).items()}


@pytest.mark.parametrize(
    ("naming", "more", "sentence"),
    [
        ("tensorflow", {"8x8/Conv0_up/extra": torch.ones(3)}, "of 8 pixels has no 8x8/Conv0_up/extra"),
        ("tensorflow", {"lod": torch.tensor(1.5)}, "grown to its full size, lod 0, got lod 1.5"),
        ("tensorflow", {"9999x1/": torch.ones(1)}, "at most 4096 pixels a side, got 9999"),
        (
            "features",
            {"layer1.conv.weight": torch.ones(4, 4, 4, 4)},
            "features.0.conv.weight and layer1.conv.weight are",
        ),
        ("features", {"features.99.conv.weight": torch.ones(1)}, "at most 4096 pixels a side, got 100 layers"),
        ("current", {"layer999.x": torch.ones(1)}, "at most 4096 pixels a side, got 999 layers"),
        ("current", {f"layer{'9' * 900}.x": torch.ones(1)}, "1 surplus"),
    ],
)
def test_weights_that_would_be_lost_or_claim_too_much_are_named(naming, more, sentence):
    with pytest.raises(ValueError, match=sentence):
        ProGAN.from_state_dict(tiny(naming) | more)


def test_a_few_weights_cannot_claim_more_than_any_published_network():
    sizes = [512, *[512] * 8, 300]  # at 1024 pixels, where NVIDIA's have 16 units
    with torch.device("meta"):
        state = ProGAN(tuple(sizes)).state_dict()
    with pytest.raises(ValueError, match="at most 268,435,456 numbers an image in a layer, got 512 units"):
        ProGAN.from_state_dict(state)
