"""What tests of several families share."""

import io
import json
import pickle
import struct
import zipfile

import pytest
import torch
from torch import nn


@pytest.fixture(scope="session")
def networks_of_nvidia():
    """`networks_of_nvidia(folder, names, family)`: from containers, or from weights and what a container would say."""
    from ganwidgets.models import load
    from ganwidgets.models.files import read_weights
    from ganwidgets.models.found import Found

    def network(folder, name, family):
        if (folder / f"{name}.pkl").exists():
            return load(folder / f"{name}.pkl")
        kwargs = json.loads((folder / f"{name}.json").read_text())["kwargs"]
        config = {"class_name": "Generator", "kwargs": kwargs}
        return family.build(Found(read_weights(folder / f"{name}.safetensors"), config), name)

    return lambda folder, names, family: {name: network(folder, name, family) for name in names}


# Networks under the protocol


@pytest.fixture(scope="session")
def network_of():
    """`network_of(module, *shape)`: a module as a network whose inputs have this shape."""
    from ganwidgets.models.protocol import Network

    def network(module, *shape):
        return Network(module, torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)))

    return network


@pytest.fixture
def x():
    """A batch of inputs for `chain` and `residual`."""
    return torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def chain():
    """A plain sequence whose ReLU works in place and whose norm keeps statistics."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(6),
        nn.Sequential(nn.Conv2d(6, 6, 1), nn.ReLU(inplace=True)),
        nn.Conv2d(6, 3, 1),
    ).eval()


class Residual(nn.Module):
    """Adds its first activations to its last; uses one ReLU twice; returns a tuple from a layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.relu = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(True)
        self.pair, self.last = Pair(), nn.Conv2d(4, 3, 1)

    def forward(self, x):
        a = self.relu(self.first(x))
        b = self.relu(self.second(a))
        b, _ = self.pair(b)
        return self.last(a + b)


class Pair(nn.Module):
    """Returns a tuple."""

    def forward(self, x):
        return x * 2, x.mean()


@pytest.fixture
def residual():
    """A `Residual` of its own for every test."""
    return Residual()


@pytest.fixture
def pair():
    """A layer that returns a tuple."""
    return Pair()


# Files for the inert reader


@pytest.fixture(scope="session")
def packed():
    """`packed(data, kind)`: a file of this kind whose object is this pickle."""

    def packed(data: bytes, kind: str, little: bool = True) -> bytes:
        if kind == "plain":
            return data
        if kind == "legacy":
            head = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": little, "type_sizes": {}})
            return b"".join(pickle.dumps(part, protocol=2) for part in head) + data + pickle.dumps([], protocol=2)
        if kind == "nested":
            inner = packed(data, "legacy")
            return b"\x80\x02ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R."
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/byteorder", "little")
            archive.writestr("archive/version", "3\n")
        return buffer.getvalue()

    return packed


@pytest.fixture
def read(tmp_path, packed):
    """`read(data, kind="plain")`: what the inert reader makes of such a file."""
    from ganwidgets.models.files import read_file

    def read(data: bytes, kind: str = "plain"):
        (tmp_path / "weights").write_bytes(packed(data, kind))
        return read_file(tmp_path / "weights").tree

    return read


@pytest.fixture
def refused(read):
    """`refused(data, kind="plain")`: the one line with which the inert reader refuses it."""

    def refused(data: bytes, kind: str = "plain") -> str:
        with pytest.raises(ValueError) as error:
            read(data, kind)
        told = str(error.value)
        assert told.startswith("weights ") and "\n" not in told
        return told

    return refused
