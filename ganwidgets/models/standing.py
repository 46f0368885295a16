"""The same network with edits that always stand: what a photo needs to be drawn, as a network of its own.

`intervene` holds for a block and a thread. `with_edits` makes a second network that shares the module and its lock with
the first, and whose every pass, in every thread, carries the given edits. What a thread adds by `intervene` comes on
top of them, so a stroke works on what they leave.
"""

import copy
from collections.abc import Iterable
from typing import TypeVar

from ganwidgets.models.edits import Edit
from ganwidgets.models.protocol import Network

AnyNetwork = TypeVar("AnyNetwork", bound=Network)


def with_edits(network: AnyNetwork, edits: Iterable[tuple[str, Edit]], name: str | None = None) -> AnyNetwork:
    """A second network whose passes always carry these edits; the first one stays as it is.

    Its fingerprint tells the edits, too. Interventions of the first network do not show in it, nor the other way.

    Args:
        network: the first one; may itself have standing edits, which stay below these.
        edits: (layer, edit), those of one layer in the order in which they apply.
        name: what reports call the second network; by default as the first.

    Raises:
        ValueError: no such layer, or an edit that does not fit it.
        TypeError: not an edit.
    """
    checked = tuple((entry.layer, entry.edit) for entry in (network.intervene(*pair) for pair in edits))
    second = copy.copy(network)
    second.standing = (*network.standing, *checked)
    second.name = network.name if name is None else name
    return second
