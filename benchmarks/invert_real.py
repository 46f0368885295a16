"""Photos in generators of others: faces, anime faces, and the decoder of an autoencoder of photos, three each.

Part `real` of `invert.py`. The data lie beside the repository (`../shared/data`); what is missing is skipped, with the
reason, and so is the package with faces. Of the autoencoder the reconstruction by its own encoder stands beside: how
near this decoder can come.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

import ganwidgets as gw
from ganwidgets.invert.adapt import adapt
from ganwidgets.invert.verdict import judge
from ganwidgets.nn.photos import read_photo
from ganwidgets.nn.picture_errors import psnr

DATA = Path(__file__).parents[1] / "../shared/data"
FACES = {"astronaut.jpg": (0.05, 0.3, 0.42, 0.57), "grace_hopper.jpg": (0.06, 0.24, 0.66, 0.8), "chelsea.jpg": None}
"""Photos, and the part of each that is taken: (top, left, bottom, right), in shares."""
SCENES = {"chelsea.jpg": None, "coffee.jpg": None, "flower.jpg": None}


def celeba() -> gw.models.Generator:
    """Faces of 32 pixels."""
    return gw.load(DATA / "gan-celeba32-fletchersarip93/generator.pt", name="celeba32", recipe="architecture.json")


def faces() -> gw.models.Generator:
    """Faces of 64 pixels, of the package `gan-face-generate` (extra `faces`)."""
    return gw.load("faces")


def anime() -> gw.models.Generator:
    """Anime faces of 64 pixels."""
    return gw.load(DATA / "gan-anime64-darthdaenerys/generator.safetensors", name="anime64", recipe="architecture.json")


def taef2() -> gw.models.Generator:
    """The decoder of a small autoencoder of photos, whose latents are those of our photos."""
    folder, photos = DATA / "ae-taef2", sorted((DATA / "photos").glob("*.jpg"))
    pixels = torch.stack([photo(path) for path in photos if path.name not in SCENES])
    return gw.models.load_decoder(folder / "taef2_decoder.pth", folder / "taef2_encoder.pth", pixels)


def photo(path: Path, side: int = 256) -> Tensor:
    """A photo, cropped to a square."""
    return read_photo(path, side)


NETWORKS: dict[str, tuple[Callable[[], gw.models.Generator], dict, str]] = {
    "celeba32": (celeba, FACES, "gan-celeba32-fletchersarip93"),
    "faces": (faces, FACES, "photos"),
    "anime64": (anime, FACES, "gan-anime64-darthdaenerys"),
    "taef2": (taef2, SCENES, "ae-taef2"),
}


def real(steps: int | None, strategy: str = "ridge+r") -> None:
    """The table."""
    print(f"Photos in generators of others, by {strategy}\n", flush=True)
    header = ("network", "photo", "found [dB]", "adapted [dB]", "worse than own pictures", "steps", "CPU s")
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for name, (loaded, photos, folder) in NETWORKS.items():
        if missing := [part for part in (folder, "photos") if not (DATA / part).is_dir()]:
            print(f"{name} is skipped: {DATA / missing[0]} is not there", flush=True)
            continue
        try:
            network = loaded()
        except ImportError as error:
            print(f"{name} is skipped: {error}", flush=True)
            continue
        for cells in rows(name, network, photos, strategy, steps):
            print("| " + " | ".join(cells) + " |", flush=True)


def rows(
    name: str, network: gw.models.Generator, photos: dict, strategy: str, steps: int | None
) -> Iterator[list[str]]:
    """One for each photo."""
    for file, box in photos.items():
        began = time.process_time()
        found = gw.invert.invert(network, DATA / "photos" / file, strategy, box=box, steps=steps)
        adaptation = adapt(network, found, steps=steps)
        seconds = time.process_time() - began
        worse = 1 - judge(network, found, n=8).verdict.share
        cells = [name, file, f"{found.errors.psnr:.1f}", f"{adaptation.errors.psnr:.1f}", f"{worse:.0%}"]
        yield [*cells, f"{found.steps} + {adaptation.steps}", f"{seconds:.0f}"]
    if hasattr(network, "reconstruct"):
        images = torch.stack([photo(DATA / "photos" / file) for file in photos])
        own = psnr(network.reconstruct(images).clamp(-1, 1), images)
        yield [name, "by its own encoder", " / ".join(f"{value:.1f}" for value in own.tolist()), "", "", "", ""]
