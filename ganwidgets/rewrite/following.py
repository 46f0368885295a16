"""What happens to a value right after the layer that is edited: by how much each unit is multiplied.

Values of a plain or transposed convolution are taken before ProGAN's scale or DCGAN's batch norm. Each multiplies a
unit by one number, so the best edit is the same before and after; only the size of the error differs, and it is said
both ways.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.progan import ScaledBias
from ganwidgets.rewrite.editable import EditableLayer


def value_factors(editable: EditableLayer) -> Float[Tensor, " unit"] | None:
    """The factor of each unit, as a batch norm (|γ| / σ) or a fixed scale has it; None if neither comes next."""
    after = _next(editable)
    if isinstance(after, ScaledBias):
        return torch.full((editable.n_units,), after.scale)
    if isinstance(after, nn.BatchNorm2d) and after.running_var is not None:
        size = torch.rsqrt(after.running_var + after.eps)
        return (size if after.weight is None else after.weight.detach().abs() * size).cpu()
    return None


def _next(editable: EditableLayer) -> nn.Module | None:
    """The module that runs after the layer, where that can be told: in a sequence."""
    around, _, name = editable.layer.rpartition(".")
    parent = editable.network.module.get_submodule(around)
    if not isinstance(parent, nn.Sequential):
        return None
    names = [*parent._modules, ""]
    return parent._modules.get(names[names.index(name) + 1])
