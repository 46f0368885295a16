"""Dissections by content: the same network, segmenter and settings give the file that was written before."""

import logging
from pathlib import Path

from ganwidgets.dissect.options import Options
from ganwidgets.models.generator import Generator
from ganwidgets.results.cache import content_path, kept, latents_name
from ganwidgets.results.dissection import Dissection
from ganwidgets.results.files import VERSION, load
from ganwidgets.segment.protocol import Segmenter

_log = logging.getLogger(__name__)


def cache_path(folder: bool | str | Path, network: Generator, segmenter: Segmenter, options: Options) -> Path | None:
    """Where this dissection is kept, or None when its content cannot be named.

    Args:
        folder: True for the user's cache folder, or a folder.
        network: its weights and, by the latents themselves, its sampler are part of the name.
        segmenter: one without `fingerprint()` cannot be named.
        options: of the dissection.
    """
    if not hasattr(segmenter, "fingerprint"):
        _log.warning("not cached: the segmenter %r has no fingerprint()", segmenter.name)
        return None
    latents = network.sample_z(options.n, options.seed, options.truncation).cpu().numpy()
    about = [VERSION, network.fingerprint, segmenter.fingerprint(), latents_name(latents)]
    about += [list(segmenter.concepts), list(segmenter.categories), options.as_dict()]
    return content_path(folder, "dissections", about, ".gwd")


def cached(path: Path | None) -> Dissection | None:
    """What is kept there; a damaged file counts as absent."""
    return kept(path, load)
