"""Edited weights go back into a file of the kind they came from; what is read again renders the same images."""

import os
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ganwidgets.models import ProGAN, StyleGAN2, StyleGAN2Generator, TorchGenerator, export_weights, load, with_weights
from ganwidgets.models.export import encode_weights
from ganwidgets.models.files import read_weights
from ganwidgets.models.state_dicts import generator_weights

DATA = Path(__file__).parents[1] / "data"
TINY = DATA / "proggan" / "tiny8"
STYLE = DATA / "stylegan2"
KINDS = ("safetensors", "pt", "pth", "npz")

pytestmark = pytest.mark.filterwarnings("ignore:.*lie beyond")  # random weights fill more than [-1, 1]


def edited(network, key):
    """The network with a third more of one weight, and something of its own for every number of it."""
    weight = network.module.state_dict()[key]
    torch.manual_seed(0)
    return with_weights(network, {key: weight * 1.3 + torch.randn_like(weight) / 7})


def same(network, path):
    """Whether the file holds this network, bit for bit."""
    again, z = load(path), network.sample_z(2)
    states = network.module.state_dict(), again.module.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    return torch.equal(again.images(z), network.images(z))


def tensors(path):
    """Everything a file holds, flat."""

    def walk(content, path=()):
        if isinstance(content, torch.Tensor):
            yield "/".join(path), content
        elif isinstance(content, dict):
            for key, part in content.items():
                yield from walk(part, (*path, str(key)))

    return dict(walk(read_weights(path)))


FILES = [*sorted(TINY.glob("*.pth")), TINY / "current.safetensors", TINY / "tf_variables.npz"]
STYLES = [STYLE / "size32.pt", STYLE / "nvidia.safetensors"]


@pytest.mark.parametrize("path", [*FILES, *STYLES], ids=lambda path: path.name)
def test_an_edited_network_goes_back_into_its_own_kind_of_file(path, tmp_path):
    first = load(path)
    key = "convs.2.conv.weight" if path in STYLES else "layer3.conv.weight"
    second, target = edited(first, key), tmp_path / path.name
    assert export_weights(second, target) == target
    assert same(second, target)
    assert not torch.equal(load(target).images(first.sample_z(2)), first.images(first.sample_z(2)))
    before, after = tensors(path), tensors(target)
    assert list(before) == list(after)
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert len(changed) == 1  # all else is as it was, what the generator does not use included
    assert before[changed[0]].shape == after[changed[0]].shape
    assert export_weights(first, target) == target
    assert all(torch.equal(part, before[name]) for name, part in tensors(target).items())


@pytest.mark.parametrize("path", [TINY / "old_features.pth", *STYLES], ids=lambda path: path.name)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_can_be_written(path, kind, tmp_path):
    network = edited(load(path), "conv1.conv.weight" if path in STYLES else "layer3.conv.weight")
    assert same(network, export_weights(network, tmp_path / f"a.{kind}"))
    if kind not in ("pt", "pth"):
        assert set(tensors(tmp_path / f"a.{kind}")) == set(generator_weights(read_weights(path)))


@pytest.mark.parametrize("naming", ["current", "features", "tensorflow"])
def test_a_progressive_gan_under_every_name(naming, tmp_path):
    torch.manual_seed(0)
    network = TorchGenerator(ProGAN((7, 6, 5, 4)))
    path = export_weights(network, tmp_path / "a.npz", naming=naming)
    assert same(network, path)
    mark = {
        "current": "layer5.conv.weight",
        "features": "features.4.conv.weight",
        "tensorflow": "16x16/Conv0_up/weight",
    }
    written = tensors(path)
    assert mark[naming] in written and len(written) == 14
    if naming == "tensorflow":  # kernel axes (height width input unit), mirrored where it upsamples
        kernel = network.module.layer5.conv.weight
        assert torch.equal(written["16x16/Conv0_up/weight"][0, 2], kernel[:, :, 2, 0])
        kernel = network.module.layer6.conv.weight
        assert torch.equal(written["16x16/Conv1/weight"][0, 2], kernel[:, :, 0, 2].T)
        assert written["4x4/Dense/weight"].shape == (7, 6 * 16)


def test_tensorflows_arrays_are_written_as_they_were_read(tmp_path):
    network = load(TINY / "current.pth")
    written = tensors(export_weights(network, tmp_path / "a.npz", naming="tensorflow"))
    golden = read_weights(TINY / "tf_variables.npz")
    assert set(written) < set(golden)
    assert all(torch.equal(part, golden[key]) for key, part in written.items())


def style(**options):
    torch.manual_seed(0)
    return StyleGAN2Generator(StyleGAN2((6, 5, 4), style_dim=8, n_mlp=2, **options).requires_grad_(False).eval())


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("naming", ["rosinality", "nvidia"])
@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_a_stylegan2_under_every_name(naming, average, kind, tmp_path):
    network = style(average=average, limit=256 if naming == "nvidia" else None)  # as a reader of such names takes it
    path = export_weights(network, tmp_path / f"a.{kind}", naming=naming)
    assert same(network, path)
    written = read_weights(path)
    if naming == "nvidia":
        golden = {key for key in load_file(STYLE / "nvidia.safetensors") if "b32" not in key}
        assert set(written) == golden - (set() if average else {"mapping.w_avg"})
        assert written["synthesis.b4.conv1.noise_strength"].shape == ()
        assert written["synthesis.b8.torgb.bias"].shape == (3,)
    elif kind == "pt":
        assert list(written) == (["g_ema", "latent_avg"] if average else ["g_ema"])
    else:
        assert ("latent_avg" in written) == average


def test_nvidias_network_in_rosinalitys_names_and_back(tmp_path):
    first = load(STYLE / "nvidia.safetensors")
    there = load(export_weights(first, tmp_path / "a.pt", naming="rosinality"))
    back = export_weights(there, tmp_path / "b.safetensors", naming="nvidia")
    golden, written = load_file(STYLE / "nvidia.safetensors"), load_file(back)
    assert golden.keys() == written.keys()
    assert all(torch.equal(golden[key], written[key]) for key in golden)


def test_the_rewriting_repositorys_names_need_a_model(tmp_path):
    network = style()
    names = {"conv1.conv.": "layer2.conv.mconv.", "conv1.": "layer2.conv.", "to_rgb1.": "to_rgb1.rgb."}
    names |= {f"convs.{k}.conv.": f"layer{k + 3}.sconv.mconv." for k in range(4)}
    names |= {f"convs.{k}.": f"layer{k + 3}.sconv." for k in range(4)}
    names |= {f"to_rgbs.{k}.upsample.": f"up_rgb{k + 1}." for k in range(2)}
    names |= {f"to_rgbs.{k}.": f"to_rgb{k + 2}.rgb." for k in range(2)}
    theirs = {}
    for key, part in network.module.state_dict().items():
        ours = next((ours for ours in names if key.startswith(ours)), "")
        theirs[names.get(ours, "") + key.removeprefix(ours)] = part
    second = edited(load(theirs), "convs.1.conv.weight")
    path = export_weights(second, tmp_path / "a.pt", theirs)
    assert same(second, path)
    assert list(tensors(path)) == list(theirs)
    with pytest.raises(ValueError, match="`naming` 'rewriting' needs `like`"):
        export_weights(second, path, naming="rewriting")


def test_a_dcgan_and_any_other_module(tmp_path):
    torch.manual_seed(0)
    main = nn.Sequential(
        nn.ConvTranspose2d(6, 5, 4, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.ConvTranspose2d(5, 3, 4, 2, 1)
    )
    main.add_module("4", nn.Tanh())
    module = nn.Sequential()
    module.add_module("main", main.eval())
    state = dict(module.state_dict())
    del state["main.1.num_batches_tracked"]
    torch.save(
        {"netG": {f"module.{key}": part for key, part in state.items()}, "netD": {"w": torch.ones(1)}},
        tmp_path / "g.pth",
    )
    second = edited(load(tmp_path / "g.pth"), "main.3.weight")
    assert same(second, export_weights(second, tmp_path / "h.pth"))
    assert list(tensors(tmp_path / "h.pth")) == [*(f"netG/module.{key}" for key in state), "netD/w"]
    other = TorchGenerator(nn.Sequential(nn.ConvTranspose2d(4, 3, 4)))
    assert set(tensors(export_weights(other, tmp_path / "o.pt"))) == {"0.weight", "0.bias"}


def test_what_a_trainer_saved_besides_is_kept(tmp_path):
    network = style()
    state = dict(network.module.state_dict())
    adam = {
        "state": {0: {"step": torch.tensor(3.0)}},
        "param_groups": [{"lr": 0.002, "betas": (0.0, 0.99), "params": [0]}],
    }
    torch.save(
        {
            "g": {"old": torch.ones(2)},
            "d": {"w": torch.ones(1)},
            "g_ema": state,
            "g_optim": adam,
            "args": Namespace(a=1),
            "p": 0.5,
        },
        tmp_path / "a.pt",
    )
    second = edited(load(tmp_path / "a.pt"), "conv1.conv.weight")
    export_weights(second, tmp_path / "b.pt")
    content = read_weights(tmp_path / "b.pt")
    assert same(second, tmp_path / "b.pt")
    assert list(content) == ["g", "d", "g_ema", "g_optim", "p"]  # options of a script need a program to be read
    assert content["g_optim"] == adam and content["p"] == 0.5 and torch.equal(content["g"]["old"], torch.ones(2))
    assert (tmp_path / "b.pt").stat().st_size < 1.2 * (tmp_path / "a.pt").stat().st_size


def test_half_precision_stays_where_it_holds_the_weights(tmp_path):
    torch.manual_seed(0)
    halves = {key: part.half() for key, part in ProGAN((6, 5, 4)).state_dict().items()}
    save_file(halves, tmp_path / "a.safetensors")
    network = load(tmp_path / "a.safetensors")
    second = edited(network, "layer3.conv.weight")
    export_weights(second, tmp_path / "b.safetensors")
    assert same(second, tmp_path / "b.safetensors")
    full = [key for key, part in load_file(tmp_path / "b.safetensors").items() if part.dtype == torch.float32]
    assert full == ["layer3.conv.weight"]
    brain = {key: part.bfloat16() for key, part in halves.items()}
    third = load(brain)
    assert same(third, export_weights(third, tmp_path / "c.npz", brain))


def test_a_file_without_noise_and_filters_stays_one(tmp_path):
    state = {
        key: part for key, part in style().module.state_dict().items() if "kernel" not in key and "noises" not in key
    }
    save_file(state, tmp_path / "a.safetensors")
    network = load(tmp_path / "a.safetensors")
    export_weights(network, tmp_path / "b.safetensors")
    assert load_file(tmp_path / "b.safetensors").keys() == state.keys()
    louder = with_weights(network, {"noises.noise_1": torch.ones(1, 1, 8, 8)})
    with pytest.raises(ValueError, match=r"no place for noises.noise_1 \(1, 1, 8, 8\)"):
        export_weights(louder, tmp_path / "c.safetensors")
    assert same(louder, export_weights(louder, tmp_path / "c.safetensors", naming="rosinality"))


def test_views_are_written_without_what_they_are_views_of(tmp_path):
    network = TorchGenerator(nn.Sequential(nn.ConvTranspose2d(4, 3, 4, bias=False)))
    large = torch.randn(4, 3, 4, 400)
    second = with_weights(network, {"0.weight": large[..., ::100]})
    for kind in KINDS:
        path = export_weights(second, tmp_path / f"a.{kind}")
        assert path.stat().st_size < 8000
        assert torch.equal(tensors(path)["0.weight"], large[..., ::100])


def test_the_bytes_are_those_of_the_file(tmp_path):
    network = style()
    path = export_weights(network, tmp_path / "a.safetensors")
    assert encode_weights(network) == path.read_bytes()


def test_the_file_of_the_network_itself_may_be_replaced(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes((TINY / "current.safetensors").read_bytes())
    second = edited(load(path), "layer1.conv.weight")
    export_weights(second, path)
    assert same(second, path)


def test_an_older_file_stays_if_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    export_weights(style(), path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export_weights(edited(style(), "conv1.conv.weight"), path)
    assert path.read_bytes() == before and [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("a.pkl", {}, r"must end in .safetensors, .pt, .pth, .npz, got '.pkl' \(NVIDIA's pickles hold programs"),
        ("a", {}, "got ''"),
        ("a.pt", {"naming": "tensorflow"}, r"one of \['rosinality', 'rewriting', 'nvidia'\] for StyleGAN2"),
        ("a.pt", {"naming": "nvidia", "like": STYLE / "size32.pt"}, "give one of them"),
        ("a.pt", {"like": TINY / "current.pth"}, r"no place for style.1.weight \(8, 8\) \(47 of 51 weights\)"),
        ("a.pt", {"like": STYLE / "size32.pt"}, r"but its style.1.weight is \(32, 32\), not \(8, 8\)"),
        ("a.pt", {"like": STYLE / "nvidia.safetensors"}, r"its mapping.fc0.weight is \(32, 32\), not \(8, 8\)"),
        ("a.pt", {"like": {"step": 3}}, "`like`: the file must hold a state dict"),
    ],
)
def test_what_cannot_be_written_is_said(name, options, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        export_weights(style(), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_a_smaller_network_does_not_go_into_the_file_of_a_larger_one(tmp_path):
    torch.manual_seed(0)
    large, small = ProGAN((6, 5, 5, 5)), TorchGenerator(ProGAN((6, 5, 5)))
    with pytest.raises(ValueError, match=r"no place for output_8x8"):
        export_weights(small, tmp_path / "a.pt", dict(large.state_dict()))


def test_missing_files_and_folders(tmp_path):
    network = load(TINY / "current.pth")
    with pytest.raises(FileNotFoundError, match="`path` must be in an existing folder"):
        export_weights(network, tmp_path / "nowhere" / "a.pt")
    with pytest.raises(FileNotFoundError, match=r"`like` must be .* but there is no '.*b\.pt'"):
        export_weights(network, tmp_path / "a.pt", tmp_path / "b.pt")
    (tmp_path / "c.pth").write_bytes((TINY / "current.pth").read_bytes())
    network = load(tmp_path / "c.pth")
    (tmp_path / "c.pth").unlink()
    with pytest.raises(FileNotFoundError, match="give another one, or `naming`"):
        export_weights(network, tmp_path / "a.pt")
    assert same(network, export_weights(network, tmp_path / "a.pt", naming="current"))


def test_arrays_hold_no_objects(tmp_path):
    path = export_weights(style(limit=256), tmp_path / "a.npz", naming="nvidia")
    with np.load(path, allow_pickle=False) as file:
        assert all(file[key].dtype == np.float32 for key in file)
