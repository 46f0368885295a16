"""Why this class? One prediction, told by the units that made it, with what each of them stands for.

Where the rest of a network averages each unit over its map and applies one linear layer, the logit of class k is a sum:
Σ_u w_ku · mean(x_u) + b_k. The summand of unit u is its contribution, exactly; nothing is approximated. Beside a
dissection of that layer this says "dog, because of units 12 (snout), 40 (fur), …", and how much is left to the others.
The sum is exact; the *names* are as good as the dissection: IoU and chance level of each stand beside it.

Source: Bau et al.'s journal paper describes such figures for one network; no code of it was published. The sum is that
of Zhou, Khosla, Lapedriza, Oliva, Torralba, "Learning Deep Features for Discriminative Localization", CVPR 2016.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from ganwidgets.dissect.labelled_batches import fitted
from ganwidgets.models.classifiers import Classifier
from ganwidgets.models.devices import precise
from ganwidgets.models.latents import whole_number
from ganwidgets.models.layers import did_you_mean
from ganwidgets.nn.images import to_uint8, upsample
from ganwidgets.results.dissection import Dissection

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas


@dataclass(frozen=True, eq=False)
class Explanation:
    """A logit as a sum over units: contributions.sum() + rest + bias is the logit, to the precision of its numbers.

    Attributes:
        network: name of the classifier.
        layer: whose units it is told by.
        label: number of the class.
        name: of the class.
        logit: of the class for this image.
        probability: of the class for this image.
        units: the top ones, largest contribution first.
        contributions: of these units to the logit.
        rest: what all other units contribute together.
        bias: of the class.
        means: of these units over their maps.
        concepts: what each unit stands for; "" for one that the dissection does not label.
        iou: of each unit with its best concept.
        iou_chance: what is reached by chance.
        thresholds: above which a unit counts as active.
        maps: of these units.
        image: as the classifier takes it.
        every_contribution: of all units of the layer.
        padding: of the dissection, what lies beyond a map when it is upsampled.
    """

    network: str
    layer: str
    label: int
    name: str
    logit: float
    probability: float
    units: Int[np.ndarray, " top"]
    contributions: Float[np.ndarray, " top"]
    rest: float
    bias: float
    means: Float[np.ndarray, " top"]
    concepts: tuple[str, ...]
    iou: Float[np.ndarray, " top"]
    iou_chance: Float[np.ndarray, " top"]
    thresholds: Float[np.ndarray, " top"]
    maps: Float[np.ndarray, "top height width"] = field(repr=False)
    image: UInt8[np.ndarray, "image_height image_width rgb"] = field(repr=False)
    every_contribution: Float[np.ndarray, " unit"] = field(repr=False)
    padding: str = field(default="clamp", repr=False)

    @property
    def masks(self) -> Bool[np.ndarray, "top image_height image_width"]:
        """Where each of the top units is active in the image."""
        maps = upsample(torch.from_numpy(self.maps), self.image.shape[:2], self.padding)
        return (maps > torch.from_numpy(self.thresholds)[:, None, None]).numpy()

    def to_frame(self) -> "pandas.DataFrame":
        """A row for each top unit, then the rest and the bias; the contributions add up to the logit."""
        import pandas

        nothing = [np.nan, np.nan]
        return pandas.DataFrame(
            {
                "part": [*(f"unit {unit}" for unit in self.units), "all other units", "bias"],
                "concept": [*self.concepts, "", ""],
                "contribution": [*self.contributions, self.rest, self.bias],
                "mean": [*self.means, *nothing],
                "iou": [*self.iou, *nothing],
                "iou_chance": [*self.iou_chance, *nothing],
            }
        )

    def plot(self) -> "matplotlib.figure.Figure":
        """The image, where each top unit is active in it, and the sum as bars."""
        from ganwidgets.dissect.plots import plot_explanation

        return plot_explanation(self)


@torch.no_grad()
def explain(
    classifier: Classifier,
    image: Tensor | np.ndarray,
    dissection: Dissection,
    label: int | str | None = None,
    *,
    layer: str | None = None,
    top: int = 6,
) -> Explanation:
    """What a class of one image rests on, unit by unit.

    Args:
        classifier: the network.
        image: (channel height width), in [-1, 1] or uint8; squashed to the size that the network takes.
        dissection: of this network, at a layer that only an average and one linear layer follow.
        label: number or name of a class; None takes the predicted one.
        layer: of the dissection; None takes the one that such a head follows.
        top: how many units are named.

    Raises:
        ValueError: a dissection of another network, a layer without such a head, no such class, or no image.
    """
    if dissection.fingerprint != classifier.fingerprint:
        raise ValueError(
            f"`dissection` must be of {classifier.name} with these weights, got one of {dissection.network}"
        )
    name = _headed(classifier, dissection, layer)
    head, top = classifier.linear_head(name), whole_number("top", top, 1)
    images = fitted(_one(image), classifier.image_shape)
    logits, acts = classifier.read(images, [name])
    number = int(logits.argmax(1)) if label is None else _class_number(classifier, label)
    means = head.means(precise(acts[name]))[0]
    every = precise(head.weight[number]) * means
    order = every.argsort(descending=True, stable=True)
    units, others = order[:top], order[top:]
    result = dissection.layers[name]
    chosen = units.cpu().numpy()
    return Explanation(
        network=classifier.name,
        layer=name,
        label=number,
        name=classifier.classes[number],
        logit=float(logits[0, number]),
        probability=float(precise(logits).softmax(1)[0, number]),
        units=chosen,
        contributions=every[units].cpu().numpy(),
        rest=float(every[others].sum()),
        bias=float(head.bias[number]),
        means=means[units].cpu().numpy(),
        concepts=tuple(dissection.concepts[result.concept[u]] if result.labelled[u] else "" for u in chosen),
        iou=result.label_iou[chosen],
        iou_chance=result.iou_chance[chosen],
        thresholds=result.threshold[chosen],
        maps=acts[name][0, units.to(acts[name].device)].float().cpu().numpy(),
        image=to_uint8(images)[0],
        every_contribution=every.cpu().numpy(),
        padding=dissection.options.get("padding", "clamp"),
    )


def headed_layers(classifier: Classifier) -> list[str]:
    """Layers with maps that only an average and one linear layer follow."""
    maps = [name for name in classifier.map_layers if max(classifier.layers[name].resolution) > 1]
    return [name for name in maps if classifier.linear_head(name) is not None]


def _headed(classifier: Classifier, dissection: Dissection, layer: str | None) -> str:
    if layer is not None:
        dissection.layer(layer)  # refuses a layer that was not dissected
    fitting = headed_layers(classifier)
    chosen = [name for name in ([layer] if layer is not None else dissection.layers) if name in fitting]
    if not chosen:
        told = f"those of {classifier.name} are {fitting}" if fitting else f"{classifier.name} has none"
        raise ValueError(
            "`dissection` must be of a layer that only an average and one linear layer follow, where a logit is a sum "
            f"over units: {told}; got {layer or list(dissection.layers)}"
        )
    return chosen[-1]


def _one(image: Any) -> Tensor:
    given = torch.as_tensor(image)
    given = given[None] if given.ndim == 3 else given
    if given.ndim != 4 or len(given) != 1 or given.shape[1] not in (1, 3):
        raise ValueError(
            f"`image` must be one image (1 or 3 channels, height, width), got {tuple(given.shape)}"
            + ("; permute(2, 0, 1) brings the channels to the front" if given.shape[-1] in (1, 3) else "")
        )
    return given.float() / 127.5 - 1 if given.dtype == torch.uint8 else given.float()


def _class_number(classifier: Classifier, label: int | str) -> int:
    if isinstance(label, str):
        if label not in classifier.classes:
            raise ValueError(
                f"`label` must be a class of {classifier.name}, got {label!r}.{did_you_mean(label, classifier.classes)}"
            )
        return classifier.classes.index(label)
    number = whole_number("label", label, 0)
    if number >= len(classifier.classes):
        raise ValueError(f"`label` must lie in 0 to {len(classifier.classes) - 1}, got {number}")
    return number
