"""The families that `load` knows, in the order in which they are tried.

A new one: a file with `FAMILY = Family(…)` (from `family.py`), and a line here.
"""

from ganwidgets.models import (
    biggan,
    dcgan,
    decoders,
    keras,
    progan,
    selfcond,
    stylegan2_ada,
    stylegan2_generator,
    stylegan3_generator,
    upsampling,
)
from ganwidgets.models.family import Family

__all__ = ["FAMILIES", "Family"]

FAMILIES: tuple[Family, ...] = (
    stylegan3_generator.FAMILY,
    stylegan2_ada.FAMILY,
    stylegan2_generator.FAMILY,
    progan.FAMILY,
    keras.FAMILY,
    biggan.FAMILY,
    selfcond.FAMILY,
    decoders.FAMILY,
    upsampling.FAMILY,
    dcgan.FAMILY,
)
"""The first that recognises what was found builds it."""
