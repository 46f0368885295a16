"""What a person asked for: which object goes where, and where the rule shall hold; in the format of the original.

A request names pictures of the sample by number and marks a region in each: the object that is copied, the place it is
pasted to, the examples from which the context is computed ("key"), the region that is searched for ("query"), and what
must not change ("preserve", which the original does not know). In JSON:

    {"object": [8, "data:image/png;base64,…"], "paste": [960, "…"], "key": [[208, "…"], …], "query": [208, "…"]}

with any of them left out. The original pastes to one place; more of them stand under "more_paste", which it leaves
alone. A mask is a PNG with strokes in its alpha channel. The original drops that channel when it
reads, so that a soft edge counts as fully painted and a region grows by about a pixel; `legacy_alpha=True` reads alike.

Files come from elsewhere: sizes are checked before anything is decoded, only PNG is decoded, nothing is run.

Source: Bau, Liu, Wang, Zhu, Torralba, "Rewriting a deep generative model" (2020), and the files its application saves.
"""

import base64
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganwidgets.nn.regions import as_region, png_size
from ganwidgets.results.files import write_bytes
from ganwidgets.results.foreign import as_json, at_most, read_limited, short
from ganwidgets.rewrite.examples import Example

MOST_BYTES = 64 * 2**20  # of a file
MOST_MASKS = 1000
MOST_PIXELS = 2**26  # of all masks of a file together
_WHAT = "a saved request"
_PREFIX = "data:image/png;base64,"
_ONE, _MANY = ("object", "paste", "query"), {"key": "examples", "preserve": "preserve", "more_paste": "more_paste"}


@dataclass(frozen=True, eq=False)
class EditRequest:
    """Regions in numbered pictures of a sample; any of them may be missing.

    Attributes:
        object: what is copied.
        paste: where it goes; only the centre of the region counts.
        examples: from which the context is computed; none means `paste`. "key" in the file.
        query: what is searched for.
        preserve: what must stay as it is.
        more_paste: where else it goes.
    """

    object: Example | None = None
    paste: Example | None = None
    examples: tuple[Example, ...] = ()
    query: Example | None = None
    preserve: tuple[Example, ...] = ()
    more_paste: tuple[Example, ...] = ()

    def __iter__(self) -> Iterator[tuple[str, Example]]:
        """(what it is, example) of all that is there, as errors call it: "paste", "key 3", …."""
        for part in _ONE:
            if (example := getattr(self, part)) is not None:
                yield part, example
        for key, part in _MANY.items():
            yield from ((f"{key} {number}", example) for number, example in enumerate(getattr(self, part)))

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it; parts that are missing are left out."""
        one = {part: _entry(getattr(self, part)) for part in _ONE if getattr(self, part) is not None}
        many = {key: [_entry(example) for example in getattr(self, part)] for key, part in _MANY.items()}
        return one | {key: entries for key, entries in many.items() if entries}

    def check_images(self, n_images: int) -> "EditRequest":
        """This request, if a sample of `n_images` has all its pictures.

        Raises:
            ValueError: one that it does not have.
        """
        for what, example in self:
            if example.image >= n_images:
                raise ValueError(
                    f"`{what}` of this request is image {example.image}, but the sample holds {n_images} (0 to "
                    f"{n_images - 1}): sample at least {example.image + 1}"
                )
        return self


def load_request(path: str | Path, *, n_images: int | None = None, legacy_alpha: bool = False) -> EditRequest:
    """Read a request that was saved, here or by the original application.

    Args:
        path: of the file.
        n_images: size of the sample whose pictures are meant; None does not check.
        legacy_alpha: read masks as the original does, without their alpha channel.

    Raises:
        FileNotFoundError: no such file.
        ValueError: something else, damaged or too large; a picture the sample does not have.
    """
    return read_limited(
        path, MOST_BYTES, _WHAT, lambda c: request_from_json(c, n_images=n_images, legacy_alpha=legacy_alpha)
    )


def save_request(path: str | Path, request: EditRequest) -> Path:
    """Write a request to a JSON file, which the original application reads too.

    Raises:
        OSError: the file cannot be written; an older one is as it was.
    """
    return write_bytes(Path(path), request_to_json(request).encode())


def request_to_json(request: EditRequest) -> str:
    """What `save_request` writes."""
    return json.dumps(request.as_dict(), indent=1)


def request_from_json(content: str | bytes, *, n_images: int | None = None, legacy_alpha: bool = False) -> EditRequest:
    """A request from the text of a file; see `load_request`.

    Raises:
        ValueError: something else, damaged or too large; a picture the sample does not have.
    """
    about = as_json(at_most(content, MOST_BYTES, _WHAT), _WHAT)
    return request_from_dict(about, n_images=n_images, legacy_alpha=legacy_alpha)


def request_from_dict(about: Any, *, n_images: int | None = None, legacy_alpha: bool = False) -> EditRequest:
    """A request from what JSON held, as `EditRequest.as_dict` gives it; parts of other names are left out.

    Raises:
        ValueError: none of the parts, or one that is damaged or too large; a picture the sample does not have.
    """
    known = (*_ONE, *_MANY)
    given = {key: about[key] for key in known if about.get(key) is not None} if isinstance(about, Mapping) else {}
    if not given:
        raise ValueError(f"{_WHAT} must have some of {list(known)}, but this is something else")
    for key in _MANY:
        if not isinstance(given.setdefault(key, []), list):
            raise ValueError(f"`{key}` of this request must be a list of [image, mask], got {short(given[key])}")
    if sum(len(given[key]) for key in _MANY) > MOST_MASKS:
        raise ValueError(f"{_WHAT} must have at most {MOST_MASKS} masks, got more")
    reader = _Reader(legacy_alpha)
    one = {part: reader.example(part, given[part]) for part in _ONE if part in given}
    many = {
        part: tuple(reader.example(f"{key} {number}", entry) for number, entry in enumerate(given[key]))
        for key, part in _MANY.items()
    }
    request = EditRequest(**one, **many)
    return request if n_images is None else request.check_images(n_images)


@dataclass
class _Reader:
    """Decodes the masks of one request and counts their pixels."""

    legacy_alpha: bool
    pixels: int = 0

    def example(self, what: str, entry: Any) -> Example:
        try:
            if not isinstance(entry, list) or len(entry) != 2:
                raise ValueError(f"it must be [image, mask], got {short(entry)}")
            image, url = entry
            if not isinstance(image, int) or isinstance(image, bool) or not 0 <= image < 2**31:
                raise ValueError(f"the image must be a whole number from 0 on, got {short(image)}")
            png = _png(url)
            self.pixels += math.prod(png_size(png))
            if self.pixels > MOST_PIXELS:
                raise ValueError(f"the masks up to here hold more than {MOST_PIXELS} pixels")
            return Example(image, _without_alpha(png) if self.legacy_alpha else as_region(png))
        except ValueError as error:
            raise ValueError(f"`{what}` of this request cannot be used: {error}") from error


def _png(url: Any) -> bytes:
    if not isinstance(url, str) or url[: len(_PREFIX)].lower() != _PREFIX:
        raise ValueError(f"the mask must be a data URL that begins with {_PREFIX!r}, got {short(url)}")
    try:
        return base64.b64decode(url[len(_PREFIX) :], validate=True)
    except ValueError as error:
        raise ValueError(f"the data URL of its mask is damaged: {error}") from error


def _without_alpha(png: bytes) -> Tensor:
    """The red channel as it is under the alpha channel: what the original takes for the region."""
    from PIL import Image

    as_region(png)  # whether it is a whole PNG of a fair size
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        red = np.asarray(image.convert("RGB"))[..., 0]
    return torch.from_numpy(red.astype(np.float32) / 255)


def _entry(example: Example) -> list:
    """[image, mask]: white strokes on transparent black, as a canvas saves them."""
    from PIL import Image

    alpha = np.rint(torch.as_tensor(example.region).double().cpu().numpy() * 255).astype(np.uint8)
    white = np.where(alpha > 0, np.uint8(255), np.uint8(0))
    file = io.BytesIO()
    Image.fromarray(np.stack([white, white, white, alpha], -1)).save(file, "PNG")
    return [int(example.image), _PREFIX + base64.b64encode(file.getvalue()).decode()]
