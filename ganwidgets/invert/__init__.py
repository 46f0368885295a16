"""Which latent, and which activations, make a given picture: bring a photo, and edit it as the network's own.

    inversion = gw.invert.invert(G, "photo.jpg")
    inversion.errors, inversion.verdict, inversion.editability
    gw.invert.panel(G)

`invert` searches for one photo, `inverting` does so step by step, `reconstruct` takes many pictures at once.
`STRATEGIES` says from where a search starts and what it changes, `Losses` how pictures are compared. `judge` says
whether a photo is far from what the network draws, `self_inversion` how well the network's own pictures are found.

`adapt` (`adapting`, step by step) adapts the network to one inverted photo, and `refine_edit` (`refining_edit`) to one
edit of it; both give values. `inverted` makes a second network of them, which draws the photo for `inputs_of` it.
"""

from ganwidgets.invert.adapt import Adapting, adapt, adapting
from ganwidgets.invert.adapt_edit import RefinedEdit, refine_edit, refining_edit
from ganwidgets.invert.engine import Snapshot, invert, inverting
from ganwidgets.invert.losses import Losses
from ganwidgets.invert.reconstruct import Reconstructions, reconstruct
from ganwidgets.invert.self_inversion import SelfInversion, self_inversion
from ganwidgets.invert.strategies import STRATEGIES, Strategy
from ganwidgets.invert.verdict import Judging, judge, judging
from ganwidgets.later import files_of, loader
from ganwidgets.results.adaptation import Adaptation
from ganwidgets.results.inversion import Editability, Errors, Inversion, Verdict
from ganwidgets.results.inversion_files import from_bytes, load, save, to_bytes
from ganwidgets.results.inverted import inputs_of, inverted

# Loaded when asked for: each file with the names it has. A script that only inverts needs no traitlets.
_LATER: dict[str, tuple[str, ...]] = {
    "controller": ("InvertController",),
    "controller_after": ("AdaptController", "VerdictController"),
    "encoder": ("encoder_for", "kept_encoder", "training"),
    "encoder_recipe": ("Recipe",),
    "encoder_result": ("Encoder", "EncoderStep", "load_encoder"),
    "features": ("feature_fn",),
    "panel": ("panel",),
}

__all__ = [
    "STRATEGIES",
    "Adaptation",
    "Adapting",
    "Editability",
    "Errors",
    "Inversion",
    "Judging",
    "Losses",
    "Reconstructions",
    "RefinedEdit",
    "SelfInversion",
    "Snapshot",
    "Strategy",
    "Verdict",
    "adapt",
    "adapting",
    "from_bytes",
    "inputs_of",
    "invert",
    "inverted",
    "inverting",
    "judge",
    "judging",
    "load",
    "reconstruct",
    "refine_edit",
    "refining_edit",
    "save",
    "self_inversion",
    "to_bytes",
    *files_of(_LATER),
]


__getattr__ = loader(__name__, globals(), _LATER)
