"""An inversion as a small picture, for notebooks that are opened without a kernel."""

import io

import torch
from PIL import Image
from torch import Tensor

from ganwidgets.results.inversion import Inversion, as_uint8

_SHOWN = 192  # pixels of a picture, at least


def as_png(inversion: Inversion) -> bytes:
    """Photo and what the network draws, side by side."""
    shown = _rgb(torch.cat([inversion.image, inversion.adapted], 2))
    factor = max(1, -(-_SHOWN // inversion.image.shape[1]))
    picture = Image.fromarray(as_uint8(shown))
    buffer = io.BytesIO()
    picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


def _rgb(image: Tensor) -> Tensor:
    return image.expand(3, -1, -1) if len(image) == 1 else image[:3]
