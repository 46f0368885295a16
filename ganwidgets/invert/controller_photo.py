"""The part of an inverting session that holds the photo: what was brought, and which part of it is meant."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor
from traitlets import Bunch, Dict, Enum, Instance, TraitError, Tuple, Unicode, observe, validate

from ganwidgets.invert.photo import Wanted, as_array, wanted
from ganwidgets.jobs import lock
from ganwidgets.models.generator import Generator
from ganwidgets.nn.photo_frames import FITS
from ganwidgets.nn.photos import preview
from ganwidgets.results.inversion import as_uint8
from ganwidgets.scenes.draw import draw_batch
from ganwidgets.session import ClassSession

WHOLE = (0.0, 0.0, 1.0, 1.0)
PREVIEW = 1024  # longest side of the photo as it is shown [px]
EXAMPLES, OWN_SEED, DRAWN_SEED = 6, 7, 2026
EXAMPLE_NAMES = {"drawn": "drawn scene", "own": "own picture"}
EXAMPLE_CODE = {
    "drawn": f"draw({DRAWN_SEED}, {{number}}).image",
    "own": f"G.images(G.sample_z({EXAMPLES}, {OWN_SEED}))[{{number}}]",
}


class PhotoSession(ClassSession):
    """A session with a photo; see `InvertController`."""

    fit = Enum(FITS, "crop", help="How the part in the box gets the network's shape.")
    box = Tuple(WHOLE, help="(top, left, bottom, right) of the part that is meant, in shares of the upright photo.")
    photo = Instance(np.ndarray, allow_none=True, read_only=True, help="The photo, small: uint8 (height width rgb).")
    photo_size = Tuple(read_only=True, help="(width, height) of the photo [pixels].")
    photo_name = Unicode(read_only=True, help="What the photo is called.")
    target = Instance(np.ndarray, allow_none=True, read_only=True, help="The photo as the network should draw it.")
    remarks = Tuple(read_only=True, help="Sentences on what was done to the photo.")
    examples = Dict(read_only=True, help="Kind → pictures to try, uint8 (number height width rgb).")

    def __init__(self, network: Generator, *, drawn: bool = False, **traits: Any) -> None:
        self._source, self.drawn = None, drawn
        self.photo_code = ""  # Python that gives the photo; "" if nobody knows
        super().__init__(network, **traits)

    def open(self, source: Any, name: str = "the photo", *, code: str = "") -> None:
        """Take a photo; of another shape than the network's, the middle is meant until somebody says otherwise.

        Args:
            source: a path, the bytes of a file, a PIL image, an array (height width channel), or a tensor
                (channel height width) in [-1, 1].
            name: what it is called.
            code: Python that gives it.

        Raises:
            FileNotFoundError, ValueError, TypeError: as `nn.photos.read_photo`; what was there stays.
        """
        source = as_array(source) if isinstance(source, Tensor) else source
        seen = preview(source, PREVIEW)
        with lock:
            self._source, self.photo_code = None, code  # none yet: its first box is no change of mind
            self.refuse("")
            height, width = seen.size
            taken = {"photo": as_uint8(seen.image), "photo_size": (width, height), "photo_name": name}
            with self.hold_trait_notifications():
                self.fit, self.box = "crop", middle(seen.size, self.network.image_shape[1:])
                self._write(**taken, target=None, remarks=seen.notes)
            self._source = source
            self.opened()
            self._prepare()

    def opened(self) -> None:
        """Called when there is another photo: what was found for the last one goes."""

    def changed(self) -> None:
        """Called when another part of the photo is meant, or it is fitted otherwise."""

    def look_for_examples(self) -> None:
        """Draw pictures to try, in the background: the network's own, and of the bundled world scenes it never saw."""
        network, drawn = self.network, self.drawn

        def work(progress: Callable[[float], None]) -> dict[str, np.ndarray]:
            images = network.images(network.sample_z(EXAMPLES, OWN_SEED))
            own = np.stack([as_rgb(as_uint8(image)) for image in images])
            return ({"drawn": draw_batch(EXAMPLES, seed=DRAWN_SEED)[0]} if drawn else {}) | {"own": own}

        self.submit(work, lambda found: self._write(examples=found), kind="examples", interactive=True)

    def open_example(self, kind: str, number: int) -> None:
        """Take one of `examples`."""
        code = EXAMPLE_CODE[kind].format(number=number)
        self.open(self.examples[kind][number], f"{EXAMPLE_NAMES[kind]} {number}", code=code)

    def _asked(self) -> dict[str, Any]:
        """The photo, and which part of it is meant.

        Raises:
            ValueError: there is none.
        """
        if self._source is None:
            raise ValueError("Open a photo first.")
        return {"photo": self._source, "fit": self.fit, "box": self.box}

    def _prepare(self) -> None:
        read = partial(wanted, self.network, **self._asked())
        publish = partial(self._prepared, self._source)
        self.submit(lambda progress: read(), publish, kind="photo", interactive=True)

    def _prepared(self, source: Any, found: Wanted) -> None:
        if source is not self._source:  # a saved inversion was opened meanwhile
            return
        self._write(target=as_rgb(as_uint8(found.image)), remarks=found.notes)

    @observe("fit", "box")
    def _fitted(self, change: Bunch) -> None:
        if self._source is not None:
            self._prepare()
            self.changed()

    @validate("box")
    def _check_box(self, proposal: Bunch) -> tuple[float, ...]:
        box = tuple(float(side) for side in proposal["value"])
        if len(box) != 4 or not (0 <= box[0] < box[2] <= 1 and 0 <= box[1] < box[3] <= 1):
            raise TraitError(f"`box` must be (top, left, bottom, right) in shares of the photo, 0 to 1, got {box}.")
        return box


def middle(size: tuple[int, int], shape: tuple[int, ...]) -> tuple[float, float, float, float]:
    """The largest box of a shape in the middle of a picture (height, width)."""
    ratio = shape[1] / shape[0] * size[0] / size[1]  # width over height, in shares of the picture
    width, height = min(1.0, ratio), min(1.0, 1 / ratio)
    if math.isclose(width, height, rel_tol=1e-9):
        return WHOLE
    return (1 - height) / 2, (1 - width) / 2, (1 + height) / 2, (1 + width) / 2


def as_rgb(picture: np.ndarray) -> np.ndarray:
    """(height width 3) of grey or with alpha."""
    return np.repeat(picture, 3, 2) if picture.shape[2] == 1 else picture[..., :3]
