"""How well a unit and a concept agree: two numbers from the same four counts.

For a unit that is active on A pixels, a concept that covers G, and I pixels where both hold: the intersection over
union (Network Dissection, Bau et al. 2017) and the information quality ratio (GAN Dissection, Bau et al. 2019).
"""

import torch
from jaxtyping import Float
from torch import Tensor


def intersection_over_union(
    intersection: Float[Tensor, "*#any"], unit_area: Float[Tensor, "*#any"], concept_area: Float[Tensor, "*#any"]
) -> Float[Tensor, "*#any"]:
    """I / (A + G − I), in [0, 1]; 0 where neither occurs."""
    union = unit_area + concept_area - intersection
    return torch.where(union > 0, intersection / union.clamp(min=1e-20), torch.zeros_like(intersection))


def information_quality_ratio(
    joint: Float[Tensor, "*#any"], unit: Float[Tensor, "*#any"], concept: Float[Tensor, "*#any"]
) -> Float[Tensor, "*#any"]:
    """Mutual information over joint entropy of two binary variables, in [0, 1]; 0 where the entropy is 0.

    Args:
        joint: probability that both hold.
        unit: probability that the unit is active.
        concept: probability of the concept.
    """
    cells = torch.stack([joint, unit - joint, concept - joint, 1 - unit - concept + joint]).clamp(0, 1)
    both = _entropy(cells)
    apart = _entropy(torch.stack([unit, 1 - unit]).clamp(0, 1)) + _entropy(
        torch.stack([concept, 1 - concept]).clamp(0, 1)
    )
    return torch.where(both > 1e-12, (apart - both) / both.clamp(min=1e-12), torch.zeros_like(both)).clamp(0, 1)


def _entropy(cells: Float[Tensor, "cell *any"]) -> Float[Tensor, "*#any"]:
    return -torch.xlogy(cells, cells).sum(0)
