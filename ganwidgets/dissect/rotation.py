"""Is the basis of units special? Turn it, and count how many concepts are still detected.

A layer's activations, seen along other axes, hold the same information: a random rotation Q of the units changes
nothing that the next layer could not undo. If concepts were spread over directions at random, the axes of Qf would
detect as many as the units f do. Q^α turns the basis by a share α of Q, from the units (0) to a random basis (1).

Source: Bau, Zhou, Khosla, Oliva, Torralba, "Network Dissection", CVPR 2017, section 3.2.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.dissect.counting import ALL, COUNTINGS, detectors
from ganwidgets.dissect.engine import DissectionRun
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.sources import subjects, usual_options
from ganwidgets.models.latents import whole_number
from ganwidgets.models.layers import LayerInfo, default_layer
from ganwidgets.models.passes import Inputs
from ganwidgets.models.protocol import Network
from ganwidgets.nn.rotations import random_rotation, rotation_power
from ganwidgets.segment.labelled import LabelledImages

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

ALPHAS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, eq=False)
class BasisRotation:
    """Detectors of a layer as its basis turns away from the units.

    Attributes:
        network: its name.
        layer: that was turned.
        units: how many it has.
        n: images.
        table: alpha, rotation (number of the random rotation; −1 for the units themselves), counting, category,
            detectors, unique.
    """

    network: str
    layer: str
    units: int
    n: int
    table: "pandas.DataFrame"

    def to_frame(self, counting: str = "one label", category: str = ALL) -> "pandas.DataFrame":
        """A row per α: mean, lowest and highest number of detectors and unique detectors over the rotations."""
        table = self.table[(self.table.counting == counting) & (self.table.category == category)]
        if not len(table):
            known = list(dict.fromkeys(self.table.category))
            raise ValueError(
                f"`counting` must be one of {COUNTINGS} and `category` one of {known}, got {counting!r}, {category!r}"
            )
        found = table.groupby("alpha")[["detectors", "unique"]].agg(["mean", "min", "max"])
        found.columns = [name if how == "mean" else f"{name}_{how}" for name, how in found.columns]
        return found.reset_index()

    def plot(self, counting: str = "one label") -> "matplotlib.figure.Figure":
        """Unique detectors against α, with the range over rotations."""
        from ganwidgets.dissect.plots import plot_rotation

        return plot_rotation(self, counting)


class RotatedNetwork(Network):
    """A network whose one layer is seen along other axes; nothing of the network changes.

    Args:
        network: fed images.
        layer: that is turned.
        basis: a row per axis.
    """

    def __init__(self, network: Network, layer: str, basis: Float[Tensor, "axis unit"] | None) -> None:
        self.network, self.layer, self.basis = network, layer, basis
        self.module, self.name, self.image_shape = network.module, network.name, network.image_shape
        self.layers = {layer: replace(network.layer_info(layer))}

    @property
    def fingerprint(self) -> str:
        """That of the network: the numbers are its own."""
        return self.network.fingerprint

    def layer_info(self, layer: str) -> LayerInfo:
        """What the layer gives."""
        return self.network.layer_info(layer)

    def acts(self, inputs: Inputs, layer: str | Sequence[str], *, grad: bool | None = None) -> Any:
        """Activations along the axes, for a layer or {layer: activations} for a list."""
        acts = self.network.acts(inputs, self.layer, grad=grad)
        if self.basis is not None:
            acts = torch.einsum("au,buhw->bahw", self.basis.to(acts), acts)
        return acts if isinstance(layer, str) else {self.layer: acts}


def basis_rotation(
    network: Network | torch.nn.Module,
    data: Any,
    layer: str | None = None,
    *,
    segmenter: Any = None,
    alphas: Iterable[float | int] = ALPHAS,
    rotations: int = 3,
    seed: int = 0,
    progress: Callable[[float], Any] = lambda share: None,
    **options: Any,
) -> BasisRotation:
    """Count detectors along axes that turn from the units of a layer to a random basis.

    Args:
        network: a classifier, or another network that is fed images.
        data: labelled images; or with a segmenter photos.
        layer: whose basis is turned; None takes the middle one of those with maps.
        segmenter: names the pixels of photos.
        alphas: shares of the rotation.
        rotations: how many random ones.
        seed: of the rotations.
        progress: called with the share done.
        **options: of `Options`, as for `run`; chance levels are not measured unless asked for.

    Raises:
        ValueError, TypeError: no such layer, no α, or data that cannot be used.
    """
    network, source = subjects(network, data, segmenter)
    layer = default_layer(network) if layer is None else layer
    settings = Options(layers=(layer,), **usual_options(source, {"chance": False, "top_k": 1} | options))
    for step in rotation_steps(network, source, settings, tuple(alphas), rotations, seed):
        if isinstance(step, BasisRotation):
            return step
        progress(step)
    raise AssertionError("the last step is the result")


def rotation_steps(
    network: Network,
    data: LabelledImages,
    options: Options,
    alphas: Sequence[float | int] = ALPHAS,
    rotations: int = 3,
    seed: int = 0,
) -> Iterator[float | BasisRotation]:
    """`basis_rotation` step by step: the share done after every batch, at last the result."""
    import pandas

    rotations = whole_number("rotations", rotations, 1)
    if not alphas or not all(0 <= alpha <= 1 for alpha in alphas):
        raise ValueError(f"`alphas` must be shares from 0 to 1 of the rotation, at least one, got {list(alphas)}")
    layer = options.layers[0]
    units = network.layer_info(layer).units
    if units < 2:
        raise ValueError(f"`layer` must have at least 2 units to be turned, {layer!r} has {units}")
    runs = [(alpha, which) for alpha in dict.fromkeys(alphas) for which in (range(rotations) if alpha else (-1,))]
    turns = {which: random_rotation(units, seed + which) for which in range(rotations)}
    tables, n = [], 0
    for number, (alpha, which) in enumerate(runs):
        power = None if which < 0 else rotation_power(turns[which], alpha).astype(np.float32)
        view = RotatedNetwork(network, layer, None if power is None else torch.from_numpy(power))
        run = DissectionRun(view, data, options)
        for done in run.steps():
            yield (number + done / run.total) / len(runs)
        n = run.done
        tables.append(detectors(run.result()).drop(columns=["layer", "by_chance"]).assign(alpha=alpha, rotation=which))
    yield BasisRotation(network.name, layer, units, n, pandas.concat(tables, ignore_index=True))
