"""Layers side by side: what each of them detects, and what the same layers detect with random weights.

Colours and textures come early, things and their parts late (Bau et al. 2017, section 3.4). A network with random
weights is the chance level of the architecture: whatever it reaches needs no training.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from ganwidgets.dissect.counting import ALL, over_depth
from ganwidgets.dissect.engine import DissectionRun
from ganwidgets.dissect.labelled_batches import fitted
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.sources import subjects, usual_options
from ganwidgets.models.layers import MOST_LAYERS as MOST_LAYERS
from ganwidgets.models.layers import depth_layers as depth_layers
from ganwidgets.models.protocol import Network
from ganwidgets.models.random_weights import random_network
from ganwidgets.results.dissection import Dissection
from ganwidgets.segment.labelled import LabelledImages

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas

RANDOM = "all, random weights"
"""Column of the totals of the network with random weights."""


@dataclass(frozen=True, eq=False)
class DepthProfile:
    """Dissections of several layers, of a network and of the same one with random weights.

    Attributes:
        found: of the network.
        random: of random weights; None if that was not asked for, or has not begun.
    """

    found: Dissection
    random: Dissection | None = None

    def to_frame(self, counting: str = "one label", *, what: str = "unique") -> "pandas.DataFrame":
        """A row per layer; detectors of each category, of all, and of all with random weights; see `detectors`."""
        table = over_depth(self.found, counting, what=what)
        if self.random is not None:
            table[RANDOM] = over_depth(self.random, counting, what=what)[ALL].reindex(table.index)
        return table

    def plot(self, counting: str = "one label", *, what: str = "unique") -> "matplotlib.figure.Figure":
        """A line per category over the layers."""
        from ganwidgets.dissect.plots import plot_over_depth

        return plot_over_depth(self.found, self.random, counting=counting, what=what)


def depth_profile(
    network: Network | nn.Module,
    data: Any,
    layers: Sequence[str] | None = None,
    *,
    segmenter: Any = None,
    random: bool = True,
    random_seed: int = 0,
    progress: Callable[[float], Any] = lambda share: None,
    **options: Any,
) -> DepthProfile:
    """Dissect several layers, and the same ones with random weights.

    Args:
        network: a classifier, or another network that is fed images.
        data: labelled images; or with a segmenter photos.
        layers: in the order of the network; None takes up to 12 of its blocks and rectified convolutions.
        segmenter: names the pixels of photos.
        random: whether the network with random weights is dissected, too.
        random_seed: of these weights.
        progress: called with the share done.
        **options: of `Options`, as for `run`.

    Raises:
        ValueError, TypeError: no such layer, or data that cannot be used.
    """
    network, source = subjects(network, data, segmenter)
    chosen = depth_layers(network) if layers is None else tuple(layers)
    settings = Options(layers=chosen, **usual_options(source, options))
    known = None
    for share, profile in depth_steps(network, source, settings, random=random, random_seed=random_seed):
        known = profile or known
        progress(share)
    return known


def depth_steps(
    network: Network, data: LabelledImages, options: Options, *, random: bool = True, random_seed: int = 0
) -> Iterator[tuple[float, DepthProfile | None]]:
    """`depth_profile` step by step: the share done, and what is known, whenever a part of it is complete."""
    parts = 2 if random else 1
    run = DissectionRun(network, data, options)
    for done in run.steps():
        if done < run.total:
            yield done / run.total / parts, None
    found = DepthProfile(run.result())
    yield 1 / parts, found
    if not random:
        return
    images = fitted(data.batch(range(min(32, len(data))))[0], network.image_shape)
    run = DissectionRun(random_network(network, random_seed, images), data, options)
    for done in run.steps():
        if done < run.total:
            yield 0.5 + done / run.total / 2, None
    yield 1.0, DepthProfile(found.found, run.result())
