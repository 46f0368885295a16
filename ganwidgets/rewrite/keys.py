"""What the keys of a layer are like over a sample of pictures: their uncentred second moment.

An edit should answer to the keys of its examples and to few others. Which keys are unusual is read from E[k kᵀ] over
all locations of a sample. It is summed in float64, one picture at a time, so that order and grouping do not matter. It
can be kept by content, so the same network and latents are run once.

The statistics are of the layer's *input*. Edits of the same layer leave them valid; an edit of a layer below does not.

`collect_keys` gives the statistics, `collecting` the same batch by batch; `read_r2m` and `write_r2m` exchange them with
the original.

Source: Bau et al., "Rewriting a Deep Generative Model" (2020), section 3.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.devices import counting_device
from ganwidgets.nn.linalg import Spectrum, spectrum
from ganwidgets.nn.second_moment import SecondMoment
from ganwidgets.results.cache import content_path, kept, latents_name
from ganwidgets.results.files import read_parts, write_parts
from ganwidgets.rewrite.editable import EditableLayer

FORMAT, VERSION = "ganwidgets key statistics", 1
MOST_AT_ONCE = 2**24  # numbers in the keys of one batch, 64 MiB
MOST_PICTURES = 32

Progress = Callable[[float], Any]


@dataclass(frozen=True, eq=False)
class KeyStatistics:
    """The uncentred second moment of a layer's keys over all locations of a sample.

    Attributes:
        second_moment: E[k kᵀ], float64, on the CPU.
        n_pixels: keys seen.
        layer: canonical name of the layer, as `EditableLayer.name`.
        fingerprint: of the network they were collected in.
        n: pictures seen.
        seed: of the latents, if it was told.
    """

    second_moment: Float[Tensor, "key_dim key_dim"]
    n_pixels: int
    layer: str
    fingerprint: str
    n: int
    seed: int | None = None

    @cached_property
    def spectrum(self) -> Spectrum:
        """Its eigenvalues and eigenvectors, computed once."""
        return spectrum(self.second_moment)

    @property
    def n_silent(self) -> int:
        """Directions of key space that do not occur in the sample; more than 0 when the second moment is singular."""
        return self.spectrum.n_silent

    def check_fits(self, editable: EditableLayer) -> None:
        """Refuse another layer.

        Raises:
            ValueError: the statistics are of a layer of another name or size.
        """
        if self.layer != editable.name or len(self.second_moment) != editable.key_dim:
            raise ValueError(
                f"`statistics` must be of {editable.name} with {editable.key_dim} key units, got those of {self.layer} "
                f"with {len(self.second_moment)}: collect_keys(editable, z) gives the right ones"
            )

    def save(self, path: str | Path) -> Path:
        """Write a file that `load_statistics` reads."""
        about = {name: getattr(self, name) for name in ("n_pixels", "layer", "fingerprint", "n", "seed")}
        return write_parts(Path(path), FORMAT, VERSION, about, {"second_moment": self.second_moment.numpy()})


def load_statistics(path: str | Path) -> KeyStatistics:
    """Read statistics that were saved.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is truncated, damaged, something else, or of another version.
    """
    path = Path(path)
    about, tensors = read_parts(path, FORMAT, VERSION, "saved key statistics", "collect them again")
    try:
        moment = torch.from_numpy(tensors["second_moment"])
        whole = {name: about[name] for name in ("n_pixels", "n")}
        fits = moment.dtype == torch.float64 and moment.ndim == 2 and moment.shape[0] == moment.shape[1]
        fits = fits and all(type(number) is int and number > 0 for number in whole.values())
        fits = fits and isinstance(about["layer"], str) and isinstance(about["fingerprint"], str)
        if not fits or not isinstance(about["seed"], int | None):
            raise ValueError("a part is of another kind")
        return KeyStatistics(
            moment, layer=about["layer"], fingerprint=about["fingerprint"], seed=about["seed"], **whole
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"`path` must be saved key statistics, but {path.name} is damaged: {error}") from error


def collect_keys(
    editable: EditableLayer,
    z: Float[Tensor, "image *latent"],
    *,
    seed: int | None = None,
    batch: int | None = None,
    cache: bool | str | Path = False,
    progress: Progress = lambda fraction: None,
) -> KeyStatistics:
    """The second moment of a layer's keys over all locations of the pictures of these latents.

    Args:
        editable: the layer.
        z: the sample; a few hundred pictures are usual, a thousand in the original.
        seed: that drew it, to be noted.
        batch: pictures run at once; None takes what fits 64 MiB.
        cache: True keeps the result in the user's cache folder under its content, a path in that folder.
        progress: called with the share done, after every batch; what it raises stops the run.

    Raises:
        ValueError: no latents, or keys that are not finite.
    """
    path = None
    if cache and not editable.network._edits():  # what an intervention of this thread changes has no name
        about = [FORMAT, VERSION, editable.network.fingerprint, editable.name, seed, latents_name(z.cpu().numpy())]
        path = content_path(cache, "keys", about, ".gwk")
    if (known := kept(path, load_statistics)) is not None:
        progress(1.0)
        return known
    for statistics in collecting(editable, z, seed=seed, batch=batch):
        progress(statistics.n / len(z))
    if path is not None:
        statistics.save(path)
    return statistics


def collecting(
    editable: EditableLayer,
    z: Float[Tensor, "image *latent"],
    *,
    seed: int | None = None,
    batch: int | None = None,
) -> Iterator[KeyStatistics]:
    """`collect_keys` batch by batch: the statistics of the pictures so far after every batch."""
    moment, n = SecondMoment(editable.key_dim, _where(editable)), 0
    for keys in key_batches(editable, z, batch):
        for key_map in keys.to(moment.total.device):
            moment.add(key_map.flatten(1).T)  # (place key_dim)
        n += len(keys)
        yield statistics_of(editable, moment, n, seed)


def statistics_of(editable: EditableLayer, moment: SecondMoment, n: int, seed: int | None = None) -> KeyStatistics:
    """Statistics from an accumulator, e.g. from several that were merged.

    Args:
        editable: whose keys they are.
        moment: of the keys, added one picture at a time.
        n: pictures seen.
        seed: of the latents, to be noted.
    """
    return KeyStatistics(moment.mean().cpu(), moment.n, editable.name, editable.network.fingerprint, n, seed)


def key_batches(
    editable: EditableLayer, z: Float[Tensor, "image *latent"], batch: int | None = None
) -> Iterator[Float[Tensor, "batch key_dim key_h key_w"]]:
    """Keys of all pictures, some at once.

    Raises:
        ValueError: no latents, or a batch below 1.
    """
    if len(z) == 0:
        raise ValueError("`z` must hold at least one latent, got none")
    if batch is None:
        numbers = editable.key_dim * editable.key_size[0] * editable.key_size[1]
        batch = max(1, min(MOST_PICTURES, MOST_AT_ONCE // numbers))
    if batch < 1:
        raise ValueError(f"`batch` must be at least 1, got {batch}")
    for start in range(0, len(z), batch):
        yield editable.keys(editable.run(z[start : start + batch]))


def _where(editable: EditableLayer) -> torch.device:
    """Where float64 sums are kept: beside the network, unless there is no float64 there."""
    return counting_device(editable.network.device)
