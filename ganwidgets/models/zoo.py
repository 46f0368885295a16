"""Published weights by name: where they are, how they are checked, and where they are kept.

    gw.zoo.list()                   # a table of all of them, with what is already on this computer
    G = gw.load("stylegan2-church")   # downloads once, checks the hash, reads the file inertly

Nothing is downloaded unless a name is asked for. Files are kept in the user's cache folder; one that was downloaded
elsewhere can be put there by hand. The publishers give the first 8 hex digits of a file's SHA-256: enough to notice a
broken or exchanged file, not to prove its origin, which is one more reason why no code in it is ever run.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from ganwidgets.models.layers import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

NO_LICENCE = "not stated"


@dataclass(frozen=True)
class Weights:
    """One published file.

    Attributes:
        name: what `load` calls it.
        family: of the network in it.
        size: side of its pictures [px].
        url: of the file.
        sha256_prefix: first hex digits of its SHA-256 as published, or "" where none is.
        licence: of the weights, as their publisher states it.
    """

    name: str
    family: str
    size: int
    url: str
    sha256_prefix: str
    licence: str = NO_LICENCE

    @property
    def file(self) -> str:
        """Its file name."""
        return self.url.rpartition("/")[2]

    @property
    def path(self) -> Path:
        """Where it is kept, whether or not it is there."""
        return folder() / self.file


def _all() -> Iterator[Weights]:
    """Progressive GANs and StyleGAN2s of network dissection and of rewriting; addresses from those projects."""
    scenes = "bedroom-d8a89ff1 churchoutdoor-7e701dd5 conferenceroom-21e85882 diningroom-3aa0ab80 kitchen-67f1e16c"
    scenes += " livingroom-5ef336dd restaurant-b8578299 celebhq-620d161c"
    for scene, _, digits in (part.partition("-") for part in scenes.split()):
        address = f"http://gandissect.csail.mit.edu/models/proggan_{scene}-{digits}.pth"
        size = 1024 if scene == "celebhq" else 256
        yield Weights(f"proggan-{scene}", "Progressive GAN", size, address, digits)
    for scene in ("bedroom", "churchoutdoor", "conferenceroom", "diningroom", "kitchen", "livingroom", "restaurant"):
        address = f"http://netdissect.csail.mit.edu/data/ganmodel/karras/{scene}_lsun.pth"
        yield Weights(f"dissection-{scene}", "Progressive GAN", 256, address, "")
    scenes = "bedroom-6fa55a6e car-3659b4b6 cat-d8dc98b2 church-e8ca9fd0 faces-2858cc2e horse-499b5380"
    scenes += " kitchen-b3a526e9 places-a3b72d71"
    for scene, _, digits in (part.partition("-") for part in scenes.split()):
        address = f"http://rewriting.csail.mit.edu/data/models/stylegan2_{scene}-{digits}.pt"
        size = {"car": 512, "faces": 1024}.get(scene, 256)
        yield Weights(f"stylegan2-{scene}", "StyleGAN2", size, address, digits)


WEIGHTS: dict[str, Weights] = {weights.name: weights for weights in _all()}
"""All of them, by name."""


def folder() -> Path:
    """Where downloaded weights are kept; another place is named by the environment variable GANWIDGETS_ZOO."""
    return Path(os.environ.get("GANWIDGETS_ZOO") or user_cache_path("ganwidgets") / "zoo")


def list() -> "pd.DataFrame":  # noqa: A001 - called as zoo.list()
    """A table of the published weights, and which of them are on this computer."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "name": weights.name,
                "family": weights.family,
                "size [px]": weights.size,
                "licence": weights.licence,
                "here": weights.path.is_file(),
                "SHA-256 begins": weights.sha256_prefix or "not published",
                "address": weights.url,
            }
            for weights in WEIGHTS.values()
        ]
    )


def path(name: str, *, download: bool = True) -> Path:
    """The file of these weights, downloaded if it is not here yet.

    Args:
        name: one of `WEIGHTS`.
        download: False never asks the network.

    Raises:
        ValueError: no weights of this name, or a file whose hash is not the published one; a download that fails this
            is removed, a file put there by hand is left alone.
        FileNotFoundError: not here, and not wanted or not possible to download; says where to put it.
        ImportError: the package pooch, which downloads, is missing.
    """
    if name not in WEIGHTS:
        raise ValueError(f"`name` must be one of {[*WEIGHTS]}, got {name!r}.{did_you_mean(name, WEIGHTS)}")
    weights = WEIGHTS[name]
    if weights.path.is_file():
        _check(weights, weights.path)
        return weights.path
    if not download:
        raise FileNotFoundError(_by_hand(weights, "is not on this computer"))
    return _download(weights)


def _download(weights: Weights) -> Path:
    if find_spec("pooch") is None:
        raise ImportError(
            _by_hand(weights, "cannot be downloaded without the package pooch (pip install 'ganwidgets[zoo]')")
        )
    import pooch

    part = weights.path.with_name(f"{weights.file}.{os.getpid()}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        pooch.HTTPDownloader(timeout=30)(weights.url, str(part), None)
        _check(weights, part)
        part.replace(weights.path)
    except OSError as error:  # requests' errors are among them
        raise FileNotFoundError(_by_hand(weights, f"could not be downloaded ({type(error).__name__})")) from error
    finally:
        part.unlink(missing_ok=True)
    return weights.path


def _by_hand(weights: Weights, why: str) -> str:
    return f"{weights.name!r} {why}: get {weights.url} on a computer with a network and put it at {weights.path}"


def _check(weights: Weights, file: Path) -> None:
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if not found.startswith(weights.sha256_prefix):
        raise ValueError(
            f"{weights.file} must have a SHA-256 that begins with {weights.sha256_prefix}, got {found[:8]}: the file "
            f"at {weights.path.parent} is broken or not the published one; remove it and load again"
        )
