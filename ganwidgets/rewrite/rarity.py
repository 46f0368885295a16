"""How unusual single key units are at painted places: the surprise of their values among all of a sample."""

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.keys import Progress, key_batches


def rarity(
    editable: EditableLayer,
    keys: Float[Tensor, "place key_dim"],
    z: Float[Tensor, "image *latent"],
    *,
    batch: int | None = None,
    progress: Progress = lambda fraction: None,
) -> Float[Tensor, "place key_dim"]:
    """−log of the share of the sample that lies above each value, float64; a value above all counts as half a key.

    Exact: the keys of the sample are counted against the given values, so nothing has to be kept. Of equal values half
    count as above.

    Args:
        editable: the layer.
        keys: whose values are judged.
        z: the sample.
        batch: pictures run at once.
        progress: called with the share done, after every batch; what it raises stops the run.
    """
    sorted_keys = keys.float().T.contiguous().sort(1)  # (key_dim place)
    given, n_bins = sorted_keys.values, len(keys) + 1
    first_bin = torch.arange(len(given))[:, None] * n_bins
    counts = torch.zeros(given.shape[0] * n_bins, dtype=torch.int64)  # by how many of the given values are exceeded
    n_images = n_keys = 0
    for maps in key_batches(editable, z, batch):
        values = maps.float().cpu().transpose(0, 1).flatten(1).contiguous()  # (key_dim key)
        for right in (False, True):  # equal values are counted once as not exceeded, once as exceeded
            bins = torch.searchsorted(given, values, right=right) + first_bin
            counts += torch.bincount(bins.flatten(), minlength=len(counts))
        n_images, n_keys = n_images + len(maps), n_keys + values.shape[1]
        progress(n_images / len(z))
    above = counts.view(-1, n_bins).flip(1).cumsum(1).flip(1)[:, 1:] / 2
    surprise = -(above.double().clamp(min=0.5) / n_keys).log()
    return surprise.scatter(1, sorted_keys.indices, surprise).T
