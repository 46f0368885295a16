"""Dissections by content: the same network, segmenter and settings give the file that was written before."""

import hashlib
import json
import logging
from pathlib import Path

from platformdirs import user_cache_path

from ganwidgets.dissect.options import Options
from ganwidgets.models.generator import Generator
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
    latents = network.sample_z(options.n, options.seed, options.truncation).cpu().numpy().tobytes()
    about = [VERSION, network.fingerprint, segmenter.fingerprint(), hashlib.sha256(latents).hexdigest()]
    about += [list(segmenter.concepts), list(segmenter.categories), options.as_dict()]
    folder = user_cache_path("ganwidgets") / "dissections" if folder is True else Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()}.gwd"


def cached(path: Path | None) -> Dissection | None:
    """What is kept there; a damaged file counts as absent."""
    if path is None or not path.exists():
        return None
    try:
        return load(path)
    except ValueError as error:
        _log.warning("computed again: %s", error)
        return None
