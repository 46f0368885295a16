"""Networks under study: the protocol, the edits, and the families this package can read from files."""

from ganwidgets.models.checkpoints import load, names
from ganwidgets.models.dcgan import DCGAN
from ganwidgets.models.edits import Edit, compose, set_units, zero_units
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.layers import LayerInfo
from ganwidgets.models.progan import ProGAN
from ganwidgets.models.protocol import Network, State

__all__ = [
    "DCGAN",
    "Edit",
    "Generator",
    "LayerInfo",
    "Network",
    "ProGAN",
    "State",
    "TorchGenerator",
    "compose",
    "load",
    "names",
    "set_units",
    "zero_units",
]
