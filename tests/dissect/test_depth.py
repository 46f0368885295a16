"""Layers compared, random weights and turned bases, on networks whose answers are known."""

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture(scope="module")
def bands():
    """As the planted classifier: its units are the bands; every band is named."""
    import ganwidgets as gw
    from ganwidgets.testing import planted_classifier, planted_photos

    images, _ = planted_photos(64)
    masks = (images[:, 0] > 0).to(torch.uint8) * (torch.arange(8) // 2 + 1).to(torch.uint8)[:, None]
    names = ["first", "second", "third", "fourth"]
    return planted_classifier(), gw.segment.LabelledArrays(images, {"band": masks}, names)


def test_layers_worth_comparing_are_blocks_and_rectified_convolutions():
    import ganwidgets as gw
    from ganwidgets.models.cifar_resnet import CifarResNet

    def conv(units):
        return [nn.Conv2d(units, units, 3, padding=1), nn.BatchNorm2d(units), nn.ReLU()]

    plain = nn.Sequential(*conv(3), *conv(3), nn.MaxPool2d(2), nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(64, 2))
    layers = gw.dissect.depth_layers
    assert layers(gw.TorchClassifier(plain, image_shape=8)) == ("2", "5", "7")
    resnet = gw.TorchClassifier(CifarResNet(2, 4), image_shape=32)
    assert layers(resnet) == ("relu", *(f"layer{i}.{j}" for i in (1, 2, 3) for j in (0, 1)))
    assert layers(resnet, most=3) == ("relu", "layer2.0", "layer3.1")


def test_a_profile_tells_what_each_layer_detects(bands):
    import ganwidgets as gw

    shares = []
    profile = gw.dissect.depth_profile(*bands, ["mix", "relu"], top_fraction=0.03, progress=shares.append)
    table = profile.to_frame()
    assert table.columns.tolist() == ["object", "all", "all, random weights"] and table.index.tolist() == [
        "mix",
        "relu",
    ]
    assert table["all"].tolist() == [4, 4] and shares[-1] == 1 and shares == sorted(shares)
    assert profile.random.network == "planted classifier with random weights"
    assert profile.to_frame(what="detectors")["all"].tolist()[0] >= 5
    alone = gw.dissect.depth_profile(*bands, ["relu"], random=False)
    assert alone.random is None and alone.to_frame().columns.tolist() == ["object", "all"]
    for drawn in (profile, alone):
        assert drawn.plot()._repr_png_().startswith(b"\x89PNG")


def test_units_of_a_planted_network_are_special_and_other_directions_are_not(bands):
    """At α = 0 the dissection itself; a random basis mixes ten units, and no axis is a band any more."""
    import ganwidgets as gw

    network, data = bands
    turned = gw.dissect.basis_rotation(network, data, "detect", alphas=(0, 1), rotations=2, top_fraction=0.03)
    plain = gw.dissect.run(network, data, layer="detect", top_fraction=0.03, chance=False)
    table, known = turned.table, gw.dissect.detectors(plain).set_index(["counting", "category"])
    for row in table[table.alpha == 0].itertuples():
        assert (row.detectors, row.unique) == tuple(known.loc[(row.counting, row.category), ["detectors", "unique"]])
    assert sorted(table[table.alpha == 1].rotation.unique()) == [0, 1]
    assert turned.to_frame().alpha.tolist() == [0, 1] and turned.units == 10 and turned.n == 64
    assert turned.plot() is not None


class Mixed(nn.Module):
    """Units are concepts seen through a rotation: along the right axes all are found, along the units fewer."""

    def __init__(self, basis):
        super().__init__()
        self.register_buffer("basis", torch.as_tensor(basis, dtype=torch.float32))

    def forward(self, images):
        return torch.einsum("au,buhw->bahw", self.basis, images)


def test_turning_the_basis_back_finds_what_a_rotation_hid():
    """The activations are Qx; seen along the rows of Qᵀ they are x, each of whose units is a concept."""
    import ganwidgets as gw
    from ganwidgets.dissect.rotation import RotatedNetwork
    from ganwidgets.models.image_network import ImageNetwork
    from ganwidgets.nn.rotations import random_rotation

    random = np.random.RandomState(0)
    images = torch.from_numpy(random.uniform(-0.1, 0.1, (64, 3, 8, 8))).float()
    masks = np.zeros((64, 8, 8), np.uint8)
    for unit in range(3):
        rows = slice(unit * 2, unit * 2 + 2)
        images[:, unit, rows] += 0.7
        masks[:, rows] = unit + 1
    data = gw.segment.LabelledArrays(images, masks, ["top", "middle", "low"])
    q = random_rotation(3, seed=2)
    network = ImageNetwork(nn.Sequential(Mixed(q), nn.ReLU()), (3, 8, 8))
    options = gw.dissect.Options(layers=("0",), n=64, top_fraction=0.2, rule="netdissect", chance=False)

    def ious(view):
        run = gw.dissect.DissectionRun(view, data, options)
        list(run.steps())
        return run.result().layer().label_iou

    back = torch.from_numpy(q.T.copy()).float()
    assert (ious(RotatedNetwork(network, "0", back)) > 0.79).all()  # 0.2 of the pixels of bands that cover 0.25
    assert ious(network).mean() < 0.75
    np.testing.assert_array_equal(ious(RotatedNetwork(network, "0", None)), ious(network))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphas": ()}, "at least one"),
        ({"alphas": (0, 2)}, "from 0 to 1"),
        ({"rotations": 0}, "`rotations` must be"),
        ({"layer": "nowhere"}, "`layer` must be one of"),
    ],
)
def test_choices_of_a_rotation_are_judged(bands, change, message):
    import ganwidgets as gw

    with pytest.raises(ValueError, match=message):
        gw.dissect.basis_rotation(*bands, **{"layer": "mix"} | change)


def test_choices_of_counting_are_judged(bands):
    import ganwidgets as gw

    d = gw.dissect.run(*bands, layers=["mix", "relu"], top_fraction=0.03, chance=False)
    with pytest.raises(ValueError, match="`counting` must be one of"):
        gw.dissect.over_depth(d, "one")
    with pytest.raises(ValueError, match="`what` must be"):
        gw.dissect.over_depth(d, what="labels")
    with pytest.raises(ValueError, match="`least_iou` must lie"):
        gw.dissect.detectors(d, least_iou=1)
    assert gw.dissect.detectors(d, "mix").layer.unique().tolist() == ["mix"]


# Random weights


def test_random_weights_leave_the_first_network_as_it_is_and_are_repeated():
    import ganwidgets as gw
    from ganwidgets.models.cifar_resnet import CifarResNet
    from ganwidgets.models.random_weights import random_network

    torch.manual_seed(0)
    first = gw.TorchClassifier(CifarResNet(1, 8).train(), image_shape=32)
    images = gw.segment.DrawnScenes(16, size=32).batch(range(16))[0]
    before, logits = first.fingerprint, first.logits(images)
    counted = int(first.module.bn1.num_batches_tracked)
    one, two, other = (random_network(first, seed, images) for seed in (0, 0, 1))
    assert first.fingerprint == before and torch.equal(first.logits(images), logits)
    assert int(first.module.bn1.num_batches_tracked) == counted and first.module.training
    assert one.fingerprint == two.fingerprint != other.fingerprint and len({before, one.fingerprint}) == 2
    assert one.name == "CifarResNet with random weights" and not one.module.training


def test_random_activations_keep_their_scale_through_the_layers():
    """He's variance and statistics estimated again: trained statistics of batch norms would silence or blow them up."""
    import ganwidgets as gw
    from ganwidgets.models.cifar_resnet import CifarResNet
    from ganwidgets.models.random_weights import random_network

    module = CifarResNet(3, 8)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.fill_(1e6)
    images = gw.segment.DrawnScenes(16, size=32).batch(range(16))[0]
    net = random_network(gw.TorchClassifier(module, image_shape=32), 0, images)
    acts = net.acts(images, ["bn1", "layer1", "layer3"])
    assert torch.allclose(acts["bn1"].mean((0, 2, 3)), torch.zeros(8), atol=1e-4)
    assert torch.allclose(acts["bn1"].var((0, 2, 3)), torch.ones(8), atol=0.01)
    assert all(0.1 < float(maps.std()) < 10 for maps in acts.values())
    deviation = float(net.module.layer3[1].conv1.weight.detach().std())
    assert deviation == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.05)


def test_networks_without_norms_and_noise_in_place_of_images():
    import ganwidgets as gw
    from ganwidgets.models.random_weights import random_network

    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.ConvTranspose2d(4, 8, 2), nn.Flatten(1))
    nn.init.constant_(module[1].weight, 5)
    net = random_network(gw.models.ImageNetwork(module, 8), 3)
    assert (net.module[1].weight == 1).all() and (net.module[0].bias == 0).all()
    assert float(net.module[2].weight.detach().std()) == pytest.approx((2 / (4 * 4)) ** 0.5, rel=0.3)
