"""What units cause: switch them off and count what the pictures lose.

`ablation_effect` measures a set of units beside random sets of equal size, `unit_effects` every unit alone;
`AblateController` keeps a live preview of it.
"""

from importlib import import_module
from typing import Any

from ganwidgets.ablate.effect import Ablation, EffectResult, ablation_effect, concept_pixels, unit_effects

_CONTROLLERS = ("AblateController", "UnitEffectsController")

__all__ = ["Ablation", "EffectResult", "ablation_effect", "concept_pixels", "unit_effects", *_CONTROLLERS]


def __getattr__(name: str) -> Any:  # a script that only measures needs no traitlets
    if name in _CONTROLLERS:
        return getattr(import_module("ganwidgets.ablate.controller"), name)
    raise AttributeError(f"module 'ganwidgets.ablate' has no attribute {name!r}; it has {sorted(__all__)}")
