"""Places where a brush could be put down: rectangles of a given size that lie on a concept.

`find_places` looks through latents for pictures in which such a rectangle lies on one concept and away from another: a
wall without a door, a sky. What is painted there can then be learned (`insertion_search`) or tried.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.ablate import counts
from ganwidgets.ablate.counts import Progress, concept_number, nothing
from ganwidgets.models import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.segment import Segmenter


@dataclass(frozen=True, eq=False)
class BrushPlaces:
    """Pictures, and where in each a brush is put down.

    Attributes:
        z: latents.
        regions: 1 inside the brush, 0 outside.
        on: the concept they lie on.
    """

    z: Float[Tensor, "scene *latent"]
    regions: Float[Tensor, "scene height width"]
    on: str

    def __len__(self) -> int:
        return len(self.z)


@torch.no_grad()
def find_places(
    network: Generator,
    segmenter: Segmenter,
    on: str,
    size: tuple[int, int],
    *,
    n: int = 50,
    without: str | None = None,
    covered: float = 0.9,
    n_search: int = 10_000,
    seed: int = 1,
    progress: Progress = nothing,
) -> BrushPlaces:
    """The first pictures in which a rectangle lies on a concept, and in each the place where it does so most.

    Args:
        network: the generator.
        segmenter: names the pixels.
        on: concept the rectangle must lie on.
        size: (height, width) of the rectangle [pixels].
        n: how many pictures are wanted; there may be fewer.
        without: concept of which it must hold less than a tenth of what `covered` leaves.
        covered: share of the rectangle that must show `on`.
        n_search: latents looked through at most.
        seed: of the latents.
        progress: called with the share of the places found.

    Raises:
        ValueError: no such concept, a rectangle larger than the picture, or no place found.
    """
    n, n_search = whole_number("n", n, 1), whole_number("n_search", n_search, 1)
    height, width = network.image_shape[1:]
    if not (1 <= size[0] <= height and 1 <= size[1] <= width):
        raise ValueError(f"`size` must lie within the {height} x {width} picture, got {tuple(size)}")
    numbers = [concept_number(segmenter.concepts, name) + 1 for name in (on, without) if name is not None]
    latents, regions = [], []
    for z in network.sample_z(n_search, seed).split(counts.BATCH):
        seg = segmenter(network.images(z))
        score, *bad = ((seg == number).any(1).float()[:, None] for number in numbers)
        score = score - 10 * bad[0] if bad else score
        means = F.avg_pool2d(score, size, stride=1)[:, 0]  # (image top left)
        for one, mean in zip(z, means, strict=True):
            if float(mean.max()) >= covered:
                latents.append(one)
                regions.append(_rectangle(int(mean.argmax()), mean.shape[1], size, (height, width)))
        progress(min(1.0, len(latents) / n))
        if len(latents) >= n:
            break
    if not latents:
        apart = "" if without is None else f" without {without!r}"
        raise ValueError(
            f"`size` {tuple(size)} fits on {on!r}{apart} in none of {n_search} pictures: take a smaller one"
        )
    return BrushPlaces(torch.stack(latents[:n]), torch.stack(regions[:n]), on)


def _rectangle(place: int, columns: int, size: tuple[int, int], picture: tuple[int, int]) -> Tensor:
    top, left = divmod(place, columns)
    region = torch.zeros(picture)
    region[top : top + size[0], left : left + size[1]] = 1
    return region
