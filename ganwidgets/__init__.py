"""See, test and change what a generative network knows, inside a notebook cell.

    import ganwidgets as gw

    G = gw.load("scenes")       # a bundled generator; or a weights file, or a torch module
    gw.inspect("church.pkl")    # what is in a file, and what `load` would make of it
    gw.dissect.panel(G)         # which units mean what, and what the pictures lose without them
    gw.ablate.panel(G)          # what units cause
    gw.paint.panel(G)           # paint with them
    gw.rewrite.panel(G)         # change a rule of the network
    gw.invert.panel(G)          # find a photo in it, and paint on that
    gw.coverage.panel(G, data)  # what it cannot draw

`gw.dissect`, `gw.ablate`, `gw.paint`, `gw.rewrite`, `gw.invert`, `gw.coverage`: the methods. `gw.segment`: what names
pixels. `gw.models`: networks. `gw.zoo`: published weights by name. `gw.ui`: the notebook components, which work alone
(and without torch). `gw.testing`: networks whose answers are known on paper.

Nothing is loaded before it is used: importing this package imports neither torch nor matplotlib.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PARTS = (
    "ablate",
    "coverage",
    "dissect",
    "invert",
    "models",
    "nn",
    "paint",
    "results",
    "rewrite",
    "scenes",
    "segment",
    "testing",
    "ui",
)
_MODULES = {"zoo": "ganwidgets.models.zoo"}
_NAMES = {
    "load": "ganwidgets.models.checkpoints",
    "inspect": "ganwidgets.models.inspection",
    "TorchGenerator": "ganwidgets.models.generator",
    "TorchClassifier": "ganwidgets.models.classifiers",
    "load_classifier": "ganwidgets.models.classifier_sources",
    "compose": "ganwidgets.models.edits",
    "set_units": "ganwidgets.models.edits",
    "zero_units": "ganwidgets.models.edits",
}

__all__ = ["__version__", *_MODULES, *_NAMES, *_PARTS]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"ganwidgets.{name}")
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _NAMES:
        value = globals()[name] = getattr(import_module(_NAMES[name]), name)
        return value
    raise AttributeError(f"module 'ganwidgets' has no attribute {name!r}; it has {sorted(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
