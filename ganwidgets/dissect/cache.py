"""Dissections by content: the same network, segmenter and settings give the file that was written before."""

import logging
from pathlib import Path

from ganwidgets.dissect.options import Options
from ganwidgets.dissect.sources import sample_name
from ganwidgets.models.protocol import Network
from ganwidgets.results.cache import content_path, kept
from ganwidgets.results.dissection import Dissection
from ganwidgets.results.files import VERSION, load
from ganwidgets.segment.labelled import LabelledImages
from ganwidgets.segment.protocol import Segmenter

_log = logging.getLogger(__name__)


def cache_path(
    folder: bool | str | Path, network: Network, segmenter: Segmenter | LabelledImages, options: Options
) -> Path | None:
    """Where this dissection is kept, or None when its content cannot be named.

    Args:
        folder: True for the user's cache folder, or a folder.
        network: its weights and, by the latents themselves, its sampler are part of the name.
        segmenter: one without `fingerprint()` cannot be named, nor can photos whose segmenter has none.
        options: of the dissection.
    """
    naming = getattr(segmenter, "segmenter", segmenter)  # of photos: what names them
    if not hasattr(naming, "fingerprint"):
        _log.warning("not cached: the segmenter %r has no fingerprint()", naming.name)
        return None
    about = [
        VERSION,
        network.fingerprint,
        segmenter.fingerprint(),
        *sample_name(network, segmenter, options, options.n),
    ]
    about += [list(segmenter.concepts), list(segmenter.categories), options.as_dict()]
    return content_path(folder, "dissections", about, ".gwd")


def cached(path: Path | None) -> Dissection | None:
    """What is kept there; a damaged file counts as absent."""
    return kept(path, load)
