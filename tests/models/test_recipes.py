"""Recipes: words, plain data and files make the module they describe, and nothing else."""

import json

import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.models.recipe_words import WORDS, step_of
from ganwidgets.models.recipes import from_recipe, read_recipe
from ganwidgets.testing import check_generator


def deconvolutions():
    """The usual kind, in which the names say nothing about strides and activations."""
    torch.manual_seed(0)
    layers = [
        nn.ConvTranspose2d(5, 6, 3, bias=False),
        nn.BatchNorm2d(6, eps=0.8),
        nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(6, 4, 3, 2, 1, 1),
        nn.ReLU(),
        nn.BatchNorm2d(4),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
        nn.Conv2d(4, 1, 5, padding=2),
        nn.Sigmoid(),
    ]
    module = nn.Sequential()
    module.add_module("net", nn.Sequential(*layers))
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return module.eval()


WORDED = [
    "deconv net.0",
    "norm net.1 eps 0.8",
    "leaky_relu 0.3",
    "deconv net.3 stride 2 padding 1 output_padding 1",
    "relu",
    "norm net.5",
    "upsample 2 bilinear",
    "conv net.7 padding 2",
    "sigmoid",
]
PLAIN = [
    {
        "type": "ConvTranspose2d",
        "key": "net.0",
        "norm": {"type": "BatchNorm2d", "key": "net.1", "eps": 0.8},
        "activation": "leaky_relu",
        "slope": 0.3,
    },
    {
        "type": "ConvTranspose2d",
        "key": "net.3",
        "in": 6,
        "out": 4,
        "kernel": 3,
        "stride": 2,
        "padding": [1, 1],
        "output_padding": 1,
        "bias": True,
        "norm": {"type": "BatchNorm2d", "key": "net.5", "affine": True, "running_stats": True},
        "activation": "relu",
        "order": ["op", "activation", "norm"],
        "note": "norm after the activation",
    },
    {"type": "Upsample", "scale": 2, "mode": "bilinear"},
    {"type": "Conv2d", "key": "net.7", "padding": 2, "activation": "sigmoid", "norm": None},
]


@pytest.mark.parametrize("recipe", [WORDED, PLAIN, [*WORDED[:3], *PLAIN[1:]]], ids=["words", "data", "both"])
def test_the_module_described_draws_the_same_pictures(recipe):
    original = deconvolutions()
    generator = gw.load(original.state_dict(), recipe=recipe)
    z = generator.sample_z(3)
    with torch.no_grad():
        assert torch.equal(generator.module(z), original(z))
    assert generator.z_shape == (5, 1, 1) and generator.image_shape == (1, 12, 12)


def test_layers_are_called_as_in_the_file():
    generator = gw.load(deconvolutions().state_dict(), recipe=WORDED)
    assert list(generator.layers) == [f"net.{number}" for number in range(9)]
    check_generator(generator, "net.3")


def test_a_file_beside_the_weights_describes_them(tmp_path):
    original = deconvolutions()
    torch.save(original.state_dict(), tmp_path / "g.pt")
    z, output = {"shape": [5, 1, 1], "distribution": "uniform(-1,1)"}, {"shape": [1, 12, 12], "range": [0, 1]}
    other = {"file": "d.pt", "layers": [{"type": "Flatten"}]}
    models = {"critic": other, "painter": {"file": "sub/g.pt", "z": z, "output": output, "layers": PLAIN}}
    (tmp_path / "net.json").write_text(json.dumps({"schema": "…", "models": models}))
    for path in ("net.json", tmp_path / "net.json"):
        generator = gw.load(tmp_path / "g.pt", recipe=path)
        assert generator.output_range == (0, 1) and generator.sample_z(50).abs().max() <= 1
        assert generator.name == "g" and generator.source == tmp_path / "g.pt"
    assert gw.load(tmp_path / "g.pt", recipe="net.json", prior="normal").sampler is None


def conditional(how):
    torch.manual_seed(0)
    inputs = {"concat": 7, "multiply": 4, "onehot": 3 + 4}[how]
    parts = {"fc": nn.Linear(inputs, 2 * 4 * 4), "out": nn.Conv2d(2, 3, 1)}
    if how != "onehot":
        parts["emb"] = nn.Embedding(3, {"concat": 3, "multiply": 4}[how])
    return nn.ModuleDict(parts).eval()


@pytest.mark.parametrize("how", ["concat", "multiply", "onehot"])
def test_a_class_is_joined_to_the_latent(how):
    original = conditional(how)
    first = "onehot 3" if how == "onehot" else f"embedding emb {how}"
    generator = gw.load(original.state_dict(), recipe=[first, "linear fc", "relu", "reshape 2 4 4", "conv out", "tanh"])
    assert generator.n_classes == 3 and generator.z_shape == (4,)
    z, labels = generator.sample_z(5), torch.tensor([0, 1, 2, 2, 0])
    with torch.no_grad():
        vectors = torch.eye(3)[labels] if how == "onehot" else original["emb"](labels)
        joined = z * vectors if how == "multiply" else torch.cat([z, vectors], 1)
        expected = torch.tanh(original["out"](torch.relu(original["fc"](joined)).reshape(-1, 2, 4, 4)))
    assert torch.allclose(generator.images((z, labels)), expected, atol=1e-6)
    check_generator(generator)


def test_classes_may_have_names(tmp_path):
    recipe = {"classes": ["cat", "dog", "fox"], "layers": ["onehot 3", "linear fc", "reshape 2 4 4", "conv out"]}
    generator = gw.load(conditional("onehot").state_dict(), recipe=recipe)
    assert generator.classes == ("cat", "dog", "fox")


def test_channels_may_come_last():
    weights = {"fc.weight": (torch.arange(24.0)[:, None] - 12) / 24, "out.weight": torch.eye(3)[:, :, None, None]}
    layers = ["linear fc", "reshape 2 4 3 channels_last", "conv out"]
    generator = gw.load(weights, recipe={"layers": layers, "output": {"range": [-1, 1]}})
    image = generator.module(torch.ones(1, 1))[0] * 24
    assert generator.image_shape == (3, 2, 4)
    assert image[:, 0, 0].round().tolist() == [-12, -11, -10]
    assert image[:, 1, 3].round().tolist() == [9, 10, 11]


def test_all_other_steps():
    weights = {
        "a.weight": torch.randn(8, 3),
        "g.weight": torch.rand(8),
        "g.bias": torch.randn(8),
        "i.weight": torch.rand(2),
        "i.bias": torch.randn(2),
        "o.weight": torch.randn(1, 2, 1, 1),
    }
    lines = ["linear a", "elu", "reshape 8 1 1", "groupnorm g groups 4", "selu", "pixel_shuffle 2", "gelu"]
    lines += ["pad 0 1 2 3", "silu", "crop 1 0 0 1", "instancenorm i", "softplus", "conv o", "tanh"]
    assert gw.load(weights, recipe=lines).image_shape == (1, 3, 5)  # 2 + 2 − 1 high, 2 + 4 − 1 wide
    assert set(WORDS) <= {line.split()[0] for line in lines} | {
        *("deconv", "norm", "embedding", "onehot", "flatten", "upsample", "leaky_relu", "relu", "sigmoid")
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "start each line"),
        ("convv a", "Did you mean 'conv'"),
        ("conv", "must say key"),
        ("conv a padding", "known words, got 'padding'"),
        ("conv a padding one", "whole number"),
        ("conv a colour 3", "it reads 'conv KEY"),
        ("norm a eps small", "as a number"),
        ("__import__ os", "start each line"),
    ],
)
def test_words_that_are_not_understood(line, words):
    with pytest.raises(ValueError, match=words):
        step_of(line)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r[:-2], r"weights missing.* surplus"),
        (lambda r: [*r[:1], *r[2:]], "net.1"),
        (lambda r: ["deconv net.9", *r], "no 'net.9.weight'"),
        (lambda r: ["linear net.0", *r[1:]], "must have 2 axes"),
        (lambda r: [{"type": "Lambda", "code": "x"}, *r], "made of"),
        (lambda r: [{"key": "net.0"}, *r], "a type"),
        (lambda r: [{"type": "ConvTranspose2d", "key": "net.0", "out": 7}, *r[1:]], "weights have 6"),
        (lambda r: [{"type": "ConvTranspose2d", "key": "net.0", "bias": True}, *r[1:]], "weights have False"),
        (lambda r: [{"type": "ConvTranspose2d", "key": "net.0", "twist": 1}, *r[1:]], "'twist'"),
        (lambda r: [*r[:-1], "upsample 4000", "upsample 4000000"], "whole numbers"),
        (lambda r: [*r[:6], {"type": "Upsample", "scale": 2, "mode": "cubist"}, *r[7:]], "cubist"),
        (lambda r: ["deconv net.0", {"type": "Reshape", "shape": [6, 3]}, *r[1:]], "three numbers"),
        (lambda r: [r[0], "groupnorm net.1 groups 4", *r[2:]], "divide the 6 units"),
        (lambda r: [{"type": "Conv2d", "key": "net.0", "order": ["norm", "op"]}, *r[1:]], "order"),
    ],
)
def test_recipes_that_do_not_fit_are_refused_with_the_reason(change, words):
    with pytest.raises(ValueError, match=words):
        gw.load(deconvolutions().state_dict(), recipe=change(list(WORDED)))


def test_what_is_no_recipe():
    with pytest.raises(FileNotFoundError, match=r"nope\.json"):
        read_recipe("nope.json")
    with pytest.raises(ValueError, match="layers"):
        read_recipe({"steps": []})
    with pytest.raises(ValueError, match="at least one"):
        read_recipe([])
    with pytest.raises(ValueError, match="the one that is meant"):
        read_recipe({"models": {"a": {"layers": ["relu"]}, "b": {"layers": ["relu"]}}})
    with pytest.raises(ValueError, match="z as"):
        read_recipe({"layers": ["relu"], "z": {"shape": "many"}})
    with pytest.raises(ValueError, match="shape of a latent"):
        from_recipe(read_recipe(["relu"]), {})


def test_a_damaged_json_is_said(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"but a\.json is none"):
        read_recipe(tmp_path / "a.json")
