"""What a family of generators is to `load` and `inspect`: how it is told, built and described.

A family's own file makes one (`FAMILY = Family(…)`), and `families.py` lists them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator


def no_facts(generator: Generator) -> Mapping[str, Any]:
    """Nothing to add to what every generator says about itself."""
    return {}


@dataclass(frozen=True)
class Family:
    """A kind of generator that is known from its weights.

    Attributes:
        name: as people say it, e.g. "StyleGAN3".
        recognises: whether what was found in a file is of this family; cheap, and never raises.
        build: (what was found, name) → the generator. Raises ValueError if the file is damaged or of a kind not read.
        describe: facts for `inspect` besides the usual ones, e.g. {"w": "512", "mapping layers": "8"}.
    """

    name: str
    recognises: Callable[[Found], bool]
    build: Callable[[Found, str], Generator]
    describe: Callable[[Generator], Mapping[str, Any]] = no_facts
