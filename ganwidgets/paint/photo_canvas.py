"""Strokes on an inverted photo: the units draw inside the brush, and outside it the photo stays as it is.

A `PhotoCanvas` draws with the network as the photo's own (`results.inverted`): residuals and changed weights are in
force, and the maps of the adaptation are let go under the strokes, so that what the units draw is not drawn over. What
is shown is put together: the photo, and inside the brush and a little around it what was drawn. A refined picture takes
the place of the drawn one for as long as the strokes stay as they are.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models import Generator
from ganwidgets.models.edits import Edit
from ganwidgets.models.map_edits import scale_map
from ganwidgets.nn.brush_masks import composite, outside_error, surround
from ganwidgets.nn.regions import resize
from ganwidgets.paint.canvas import Canvas, Scene
from ganwidgets.paint.render import lowest_layer, paint_on
from ganwidgets.paint.strokes import Stroke, edits, painted
from ganwidgets.results.inversion import Inversion
from ganwidgets.results.inverted import as_found, check_network, inputs_of, with_changes

Key = tuple[tuple[Stroke, ...], str]
"""What a picture is of: the visible strokes, and the weights, which somebody may change in place."""

MOST_REFINED = 8  # pictures; the oldest go


@dataclass(frozen=True)
class OutsideErrors:
    """How far an edited photo is from the photo where nobody painted, as shares of the range.

    Attributes:
        drawn: of the picture as the generator draws it.
        shown: of the picture that is shown, which is the photo there but for a soft border.
        refined: whether it is a refined one.
    """

    drawn: float
    shown: float
    refined: bool

    @property
    def sentence(self) -> str:
        """In words, in levels of 255."""
        how = "refined" if self.refined else "as drawn"
        return (
            f"Outside the brush the picture is {self.shown * 255:.2f} of 255 levels from the photo in the mean; the "
            f"generator alone ({how}) would be {self.drawn * 255:.2f}."
        )


class PhotoCanvas(Canvas):
    """Pictures of an inverted photo with strokes on it; the scene that is asked for is always the photo.

    Args:
        network: in which it was inverted.
        inversion: of the photo.

    Raises:
        ValueError: an inversion of another network.
    """

    def __init__(self, network: Generator, inversion: Inversion) -> None:
        super().__init__(network, inversion.layer)
        check_network(network, inversion)
        self.inversion, self.origin = inversion, network  # of `network`, others may make another class
        self.photo = inversion.image.to(network.device)
        self._inputs, adaptation = inputs_of(network, inversion), inversion.adaptation
        changes = {} if adaptation is None else adaptation.weights
        self._photo_network = with_changes(as_found(network, inversion), changes)
        self._scales = {} if adaptation is None else dict(adaptation.scales)
        order = list(network.layers)
        self._scales = {layer: self._scales[layer] for layer in sorted(self._scales, key=order.index)}
        self._refined: OrderedDict[Key, Tensor] = OrderedDict()

    @property
    def drawing(self) -> Generator:
        """The network as the photo's own, without the maps."""
        return self._photo_network

    def latent(self, scene: Scene) -> Any:
        """What the network is called with for the photo."""
        return self._inputs

    def brush(self, strokes: Iterable[Stroke]) -> Float[Tensor, "height width"]:
        """Where the visible strokes are, all together, at the photo's size."""
        return self._union((stroke.region, 1.0) for stroke in strokes if stroke.visible)

    def released(self, strokes: Iterable[Stroke]) -> Float[Tensor, "height width"]:
        """How far the maps are let go: as far as the strokes replace what was there."""
        return self._union((stroke.region, stroke.strength) for stroke in strokes if stroke.visible)

    def drawn(self, strokes: Iterable[Stroke]) -> Float[Tensor, "rgb height width"]:
        """What the generator draws under the strokes, not yet put into the photo; refined, if it was."""
        key = self._key(strokes)
        if key in self._refined:
            return self._refined[key]
        return self._kept(self._pictures, key, lambda: self._live(*key))

    def refine(self, strokes: Iterable[Stroke], picture: Float[Tensor, "rgb height width"] | None) -> None:
        """Show this in place of what is drawn for these strokes; None goes back to what is drawn."""
        key = self._key(strokes)
        self._refined.pop(key, None)
        if picture is not None and key[0]:
            self._refined[key] = picture.to(self.photo)
        while len(self._refined) > MOST_REFINED:
            self._refined.popitem(last=False)

    def refined(self, strokes: Iterable[Stroke]) -> Float[Tensor, "rgb height width"] | None:
        """The refined picture of these strokes; None if there is none."""
        return self._refined.get(self._key(strokes))

    def pictures(self, scene: Scene, strokes: Iterable[Stroke]) -> dict[str, Any]:
        strokes = tuple(strokes)
        more = {"outside": self.outside(strokes), "refined": self.refined(strokes) is not None}
        return super().pictures(scene, strokes) | more

    def outside(self, strokes: Iterable[Stroke]) -> OutsideErrors | None:
        """How far from the photo it is where nobody painted; None without strokes."""
        visible = tuple(stroke for stroke in strokes if stroke.visible)
        if not visible:
            return None
        brush, drawn = self.brush(visible), self.drawn(visible)
        shown = composite(self.photo, drawn, surround(brush, tuple(brush.shape)))
        errors = (outside_error(picture, self.photo, brush) for picture in (drawn, shown))
        return OutsideErrors(*errors, refined=self.refined(visible) is not None)

    def clear(self) -> None:
        super().clear()
        self._refined.clear()

    def _drawn(self, scene: Scene, strokes: tuple[Stroke, ...], weights: str) -> Tensor:
        visible = tuple(stroke for stroke in strokes if stroke.visible)
        if not visible:
            return self.photo[None]
        brush = self.brush(visible)
        return composite(self.photo, self.drawn(visible), surround(brush, tuple(brush.shape)))[None]

    def _key(self, strokes: Iterable[Stroke]) -> Key:
        return tuple(stroke for stroke in strokes if stroke.visible), self._photo_network.fingerprint

    def _live(self, strokes: tuple[Stroke, ...], weights: str) -> Tensor:
        network, planned = self._photo_network, edits(strokes, self._photo_network, kept=self._composites)
        released = self.released(strokes)
        maps: dict[str, Edit] = {layer: scale_map(d, released) for layer, d in self._scales.items()}
        order = list(network.layers)
        layer = min((lowest_layer(planned, self.layer), *maps), key=order.index)  # where a run is cut
        below = lambda: network.below(self._inputs, layer, grad=False)  # noqa: E731
        state = self._kept(self._states, (layer, weights), below)
        with painted(network, maps):  # before the strokes: those go on top
            return paint_on(network, state, planned)[0]

    def _union(self, regions: Iterable[tuple[Tensor, float | int]]) -> Tensor:
        size = tuple(self.photo.shape[1:])
        found = torch.zeros(size, device=self.photo.device)
        for region, strength in regions:
            found = torch.maximum(found, float(strength) * resize(region.to(found), size, "max"))
        return found


def painted_edits(canvas: PhotoCanvas, strokes: Sequence[Stroke]) -> list[tuple[str, Edit]]:
    """The strokes as (layer, edit), for a refinement."""
    return list(edits(strokes, canvas.drawing).items())
