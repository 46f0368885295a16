"""Devices: one helper for names, one way to bring a network there, and no float64 where there is none.

Graphics are not needed: what would be on one is a fake tensor of torch's, which has a device and no numbers.
"""

import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import ganwidgets as gw
from ganwidgets.models import devices
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.devices import counting_device, device_named, precise


class NoFloat64(TorchDispatchMode):
    """Refuses to compute in float64 on Apple graphics, as they do."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.device.type == "mps" and made.dtype == torch.float64:
            raise TypeError("the MPS framework doesn't support float64")
        return made


@pytest.fixture
def graphics(monkeypatch):
    """Says which devices there are: `graphics(cuda=2, mps=True)`."""

    def there(cuda: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(devices, "_count", lambda kind: cuda if kind == "cuda" else int(mps))

    return there


def small() -> nn.Module:
    net = nn.Sequential(nn.ConvTranspose2d(4, 8, 4), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 3, 1), nn.Tanh())
    return net.eval()


class Told(nn.Module):
    """Draws by class."""

    def __init__(self) -> None:
        super().__init__()
        self.tints = nn.Parameter(torch.linspace(-1, 1, 3))

    def forward(self, z, c):
        return torch.tanh(z.reshape(-1, 1, 2, 2) + (c @ self.tints)[:, None, None, None])


@pytest.fixture
def module():
    torch.manual_seed(0)
    return small()


@pytest.mark.parametrize(
    ("there", "fastest"),
    [({}, "cpu"), ({"mps": True}, "mps"), ({"cuda": 1}, "cuda:0"), ({"cuda": 2, "mps": True}, "cuda:0")],
)
def test_auto_is_the_fastest_there_is(graphics, there, fastest):
    graphics(**there)
    assert str(device_named("auto")) in (fastest, fastest.partition(":")[0])


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("cuda", "'cuda' is not: this torch .* finds no usable CUDA device. device='auto' takes"),
        (torch.device("cuda", 1), "'cuda:1' is not: this torch .* finds no usable CUDA device"),
        ("mps", "'mps' is not: this torch .* finds no usable Apple graphics"),
        ("meta", "'meta' is not: nothing is computed there"),
        ("gpu", r"one of \['auto', 'cpu', 'cuda', 'mps'\] or a torch.device, got 'gpu'"),
        ("", "one of"),
        ("xpu", "'xpu' is not: "),
    ],
)
def test_a_device_that_is_not_here_is_told(graphics, device, sentence):
    graphics()
    with pytest.raises(ValueError, match=f"`device` must be .*{sentence}"):
        device_named(device)
    with pytest.raises(ValueError, match="`device`"):
        gw.load("scenes", device=device)


def test_devices_are_counted_from_0(graphics):
    graphics(cuda=2)
    assert device_named("cuda") == torch.device("cuda", 0) and device_named("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="there are only 2, counted from 0"):
        device_named("cuda:2")
    with pytest.raises(TypeError):
        device_named(0)


@pytest.fixture
def elsewhere(monkeypatch):
    """A device that is here, knows no float64, and holds no numbers."""
    monkeypatch.setattr(devices, "_why_not", lambda device: "")
    monkeypatch.setattr(devices, "has_float64", lambda device: device.type != "meta")
    return torch.device("meta")


def test_a_network_is_brought_to_a_device_and_stays_where_it_is(elsewhere, module):
    g = gw.load(module)
    there = g.to(elsewhere)
    assert (there.device, g.device) == (elsewhere, torch.device("cpu")) and there.layers == g.layers
    assert {part.device for part in there.module.state_dict().values()} == {elsewhere}
    assert there.forward(g.sample_z(2)).device == elsewhere == there.acts(g.sample_z(2), "0").device
    assert g.to("cpu") is g and g.to(torch.device("cpu")) is g and g.module is module
    told = ConditionalGenerator(Told(), (4,), 3).with_label(1).to(elsewhere)
    assert told.label == 1 and told.sample_z(2).device == told.device


def test_weights_used_twice_stay_one_and_double_ones_become_single(elsewhere):
    net = nn.Sequential(*(nn.Linear(4, 4, dtype=torch.float64) for _ in range(2)))
    net[1].weight = net[0].weight
    net.register_buffer("table", torch.ones(2, dtype=torch.float64))
    net[0].bias.requires_grad_(False)
    copied = devices._copied(net, elsewhere)
    assert copied[1].weight is copied[0].weight and copied[0].weight.dtype == torch.float32 == copied.table.dtype
    assert isinstance(copied[0].weight, nn.Parameter) and not copied[0].bias.requires_grad
    assert net[0].weight.dtype == torch.float64 and net[0].weight.device.type == "cpu"


def test_load_takes_a_device(module):
    for source in ("scenes", module, gw.load(module)):
        assert str(gw.load(source, device="cpu").device) == "cpu"
    assert gw.load(module, device=torch.device("cpu")).module is module  # it is there already
    classifier = gw.load_classifier(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), image_shape=4, device="cpu")
    assert classifier.to("auto") is classifier or torch.cuda.is_available() or torch.backends.mps.is_available()


@pytest.mark.parametrize("options", [{}, {"truncation": 0.7}, {"prior": "uniform"}])
def test_a_seed_is_the_same_latents_and_the_same_picture_on_every_device(graphics, module, options):
    graphics(mps=True)
    prior = options.pop("prior", None)
    g = gw.load(module, prior=prior)
    drawn = g.sample_z(3, seed=5, **options)
    before = torch.get_rng_state()
    made = []
    there = gw.load(module, prior=prior)
    there.__class__ = type("Elsewhere", (type(there),), {"device": torch.device("mps")})
    original = torch.Tensor.to

    def to(tensor, *args, **kwargs):
        if args and args[0] == torch.device("mps"):
            made.append(tensor.clone())
            return tensor
        return original(tensor, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "to", to)
        there.sample_z(3, seed=5, **options)
    assert len(made) == 1 and made[0].device.type == "cpu" and torch.equal(made[0], drawn)  # drawn here, then brought
    assert torch.equal(before, torch.get_rng_state())


def test_classes_of_latents_are_the_same_on_every_device():
    g = ConditionalGenerator(Told(), (4,), 3)
    assert g.labels_of(g.sample_z(8, seed=2)).tolist() == [1, 0, 0, 2, 2, 2, 2, 1]


def test_float64_is_left_to_the_cpu_where_a_device_has_none():
    assert counting_device(torch.device("mps")) == torch.device("cpu")
    for kind in ("cpu", "cuda", "xpu"):
        assert counting_device(torch.device(kind)) == torch.device(kind)
    with FakeTensorMode(), NoFloat64():
        x = torch.ones(3, device="mps")
        assert (precise(x).dtype, precise(x).device.type) == (torch.float64, "cpu")
        assert precise(torch.ones(3, device="cuda")).device.type == "cuda"
        with pytest.raises(TypeError, match="float64"):
            x.double()
    assert precise(torch.ones(3, dtype=torch.float16)).dtype == torch.float64
