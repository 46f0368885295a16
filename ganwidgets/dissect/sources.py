"""Where the images of a dissection come from: a generator with a segmenter, or labelled images fed to a network."""

from typing import Any

from torch import nn

from ganwidgets.dissect.options import Options
from ganwidgets.models.image_network import ImageNetwork
from ganwidgets.models.protocol import Network
from ganwidgets.results.cache import latents_name
from ganwidgets.segment import load
from ganwidgets.segment.labelled import LabelledImages, check_labelled, is_labelled
from ganwidgets.segment.labelled_photos import SegmentedPhotos
from ganwidgets.segment.protocol import Segmenter, check_segmenter_attributes

_NEEDED = (
    "`data` must be given for a network that is fed images: labelled images such as segment.DrawnScenes(), or photos "
    "and a `segmenter`"
)


def subjects(
    network: Network | nn.Module, data: Any = None, segmenter: Segmenter | str | None = None
) -> tuple[Network, Segmenter | LabelledImages]:
    """The network and what names the pixels, from what somebody gave.

    Args:
        network: a generator, a classifier, or a torch module that takes the data's images, in [-1, 1].
        data: labelled images; or with a segmenter a folder of photos, or images. For a generator a segmenter may stand
            here.
        segmenter: names the pixels of a generator's images, or of photos; an object, or a name of `segment.load`.

    Raises:
        TypeError: something is missing, or too much.
        ValueError: photos, a module or data that cannot be used.
    """
    if hasattr(network, "sample_z") and segmenter is None and (isinstance(data, str) or is_segmenter(data)):
        data, segmenter = None, data  # a generator has no data: what names pixels is meant
    segmenter = load(segmenter) if isinstance(segmenter, str) else segmenter
    if hasattr(network, "sample_z"):
        if data is not None:
            raise TypeError(f"`data` must be left out: {network.name} is a generator and draws its own images")
        if segmenter is None:
            raise TypeError("`segmenter` must be given for a generator: segment.load('scenes'), or one of your own")
        return network, segmenter
    if not isinstance(network, Network | nn.Module):
        raise TypeError(f"`network` must be a generator, a classifier or a torch module, got {type(network).__name__}")
    if data is None:
        raise TypeError(_NEEDED)
    source = _labelled(network, data, segmenter)
    if isinstance(network, nn.Module):
        network = ImageNetwork(network, source.image_shape)
    return network, source


def is_segmenter(thing: object) -> bool:
    """Whether this is meant as a segmenter: it names pixels when called, and has no images of its own."""
    return callable(thing) and hasattr(thing, "concepts") and not is_labelled(thing)


def _labelled(network: Network | nn.Module, data: Any, segmenter: Segmenter | None) -> LabelledImages:
    if is_labelled(data):
        if segmenter is not None:
            raise TypeError("`segmenter` must be left out: labelled images have labels of their own")
        check_labelled(data)
        return data
    if segmenter is None:
        raise TypeError(f"{_NEEDED}; got {type(data).__name__} without one")
    shape = getattr(network, "image_shape", None)
    return SegmentedPhotos(data, segmenter, **({} if shape is None else {"size": tuple(shape[1:])}))


def usual_options(data: LabelledImages, options: dict[str, Any]) -> dict[str, Any]:
    """What is meant where nothing is said: the rule of Network Dissection, and all images."""
    rule = options.get("rule", "netdissect")
    return {"rule": rule, "n": max(1, len(data) // (2 if rule == "iqr" else 1))} | options


def check_source(source: object) -> None:
    """Refuse what is neither a segmenter nor labelled images.

    Raises:
        TypeError, ValueError: it lacks something, or its names do not fit.
    """
    (check_labelled if is_labelled(source) else check_segmenter_attributes)(source)


def sample_name(network: Network, source: Segmenter | LabelledImages, options: Options, most: int) -> list[str]:
    """What names a sample beside its settings: a hash of a generator's first latents; labelled images name themselves.

    Args:
        network: a generator, or a network that is fed labelled images.
        source: names the pixels.
        options: of the dissection.
        most: so many latents are looked at.
    """
    if is_labelled(source):
        return []
    latents = network.sample_z(min(options.n, most), options.seed, options.truncation)
    return [latents_name(latents.cpu().numpy())]
