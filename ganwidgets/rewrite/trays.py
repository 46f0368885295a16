"""What a person has marked in a sample: an object to copy, places to paste it, a context, what to keep."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.request import EditRequest

KINDS = ("object", "paste", "examples", "preserve")
"""What a marked place can be for."""


@dataclass(frozen=True, eq=False)
class Trays:
    """Places that were marked in pictures of the sample.

    Attributes:
        object: what is copied; at most one.
        paste: where it goes; in several pictures at once if there are several.
        examples: from which the context is computed; none means where it is pasted.
        preserve: what must stay as it is.
    """

    object: tuple[Example, ...] = ()
    paste: tuple[Example, ...] = ()
    examples: tuple[Example, ...] = ()
    preserve: tuple[Example, ...] = ()

    def with_one(self, kind: str, example: Example) -> "Trays":
        """One more place of a kind; an object takes the place of the one before."""
        return self.with_all(kind, (example,) if kind == "object" else (*self.all(kind), example))

    def without(self, kind: str, number: int) -> "Trays":
        """Without the place of this number.

        Raises:
            ValueError: there is none.
        """
        places = self.all(kind)
        if isinstance(number, bool) or not 0 <= number < len(places):
            raise ValueError(f"`number` must be one of the {len(places)} places in {kind!r}, counted from 0: {number}")
        return self.with_all(kind, places[:number] + places[number + 1 :])

    def exchanged(self, kind: str, number: int, example: Example) -> "Trays":
        """With another place in the stead of the one of this number. Raises `ValueError` if there is none."""
        places = self.all(kind)
        self.without(kind, number)  # whether there is one
        return self.with_all(kind, (*places[:number], example, *places[number + 1 :]))

    def with_all(self, kind: str, places: Iterable[Example]) -> "Trays":
        """These places of a kind in place of those there."""
        return replace(self, **{_kind(kind): tuple(places)})

    def all(self, kind: str) -> tuple[Example, ...]:
        """The places of a kind. Raises `ValueError` for a kind there is not."""
        return getattr(self, _kind(kind))

    @property
    def context(self) -> tuple[Example, ...]:
        """The places from which the context is computed."""
        return self.examples or self.paste

    def request(self) -> EditRequest:
        """As files hold it; the original reads the first place to paste only."""
        first = lambda places: places[0] if places else None  # noqa: E731
        return EditRequest(
            first(self.object), first(self.paste), self.examples, preserve=self.preserve, more_paste=self.paste[1:]
        )

    def within(self, n_images: int) -> "Trays":
        """The places in the first pictures of a sample."""
        return Trays(*(tuple(place for place in self.all(kind) if place.image < n_images) for kind in KINDS))

    @classmethod
    def of(cls, request: EditRequest) -> "Trays":
        """What a request asks for."""
        one = lambda place: () if place is None else (place,)  # noqa: E731
        paste = (*one(request.paste), *request.more_paste)
        return cls(one(request.object), paste, tuple(request.examples), tuple(request.preserve))


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {list(KINDS)}, got {kind!r}")
    return kind
