"""A sentence that says what was found, and the numbers behind it."""

from PIL import Image
from traitlets import Bunch, Enum, Unicode, validate

from ganwidgets.ui import draw
from ganwidgets.ui.component import Component, bundle, plural
from ganwidgets.ui.traits import PlainList, require_keys

TONES = ("", "good", "warning")


class Facts(Component):
    """What a person should take away: one sentence, and below it named numbers, each with what it means."""

    _esm, _css = bundle("facts")

    title = Unicode("").tag(sync=True)
    sentence = Unicode("", help="What was found.").tag(sync=True)
    tone = Enum(TONES, "", help="Whether that is good, or something to be careful with.").tag(sync=True)
    facts = PlainList(help="{label, value, note?}: texts; the note says what the value means.").tag(sync=True)
    message = Unicode("", help="What to say while nothing is known.").tag(sync=True)

    @validate("facts")
    def _check_facts(self, proposal: Bunch) -> list:
        require_keys("facts", proposal["value"], ("label", "value"), ("note",))
        return proposal["value"]

    def describe(self) -> str:
        return f"{self.sentence!r}, {plural(len(self.facts), 'fact')}" if self.sentence else "empty"

    def picture(self) -> Image.Image | None:
        """The sentence and the numbers as text; None when nothing is known."""
        lines = [self.sentence, *(f"{fact['label']}: {fact['value']}" for fact in self.facts)]
        lines = [line for line in lines if line]
        return draw.words(lines, title=self.title) if lines else None
