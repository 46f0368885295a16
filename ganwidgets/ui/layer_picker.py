"""Which layer to look at."""

from traitlets import Bunch, TraitError, Unicode, validate

from ganwidgets.ui.component import Component, bundle, suggest
from ganwidgets.ui.traits import PlainList, require_keys


class LayerPicker(Component):
    """The layers of a network: resolution, number of units, whether they are dissected (or measured) already."""

    _esm, _css = bundle("layer_picker")

    layers = PlainList(help="{name, units, resolution: [height, width], dissected, usable, why}.").tag(sync=True)
    layer = Unicode("", help="Name of the chosen layer.").tag(sync=True)
    done = Unicode("dissected", help="What a layer marked `dissected` is, in a word.").tag(sync=True)

    @validate("layers")
    def _check_layers(self, proposal: Bunch) -> list:
        require_keys("layers", proposal["value"], ("name",), ("units", "resolution", "dissected", "usable", "why"))
        return proposal["value"]

    @validate("layer")
    def _check_layer(self, proposal: Bunch) -> str:
        names = [entry["name"] for entry in self.layers]
        name = proposal["value"]
        if names and name and name not in names:
            raise TraitError(f"`layer` must be one of {names}, got {name!r}.{suggest(name, names)}")
        return name

    def describe(self) -> str:
        return f"layer={self.layer!r}"
