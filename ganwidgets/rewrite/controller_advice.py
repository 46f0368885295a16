"""The session behind advice: what was marked, tried at every layer and rank."""

from collections.abc import Callable, Iterator
from typing import Any

from traitlets import Instance

from ganwidgets.jobs import Controller
from ganwidgets.rewrite.advise import advising
from ganwidgets.rewrite.advise_result import Advice
from ganwidgets.rewrite.advise_scene import Asked, Wish
from ganwidgets.rewrite.controller import RewriteController
from ganwidgets.segment import Segmenter
from ganwidgets.worker import Job, giving_way

RANKS = (1, 3, 10)


class AdviceController(Controller):
    """Tries the edit that a session asks for at every layer; what is known so far shows after each.

    Args:
        session: in which something is marked.
        segmenter: sees whether the pasted place is recognised as the object; may be None.
        traits: first values.
    """

    advice = Instance(Advice, allow_none=True, read_only=True, help="So far, or of the latest run.")

    def __init__(self, session: RewriteController, segmenter: Segmenter | None = None, **traits: Any) -> None:
        self.session, self.segmenter = session, segmenter
        super().__init__(**traits)

    def run(self, *, wait: bool = False) -> Job:
        """Try all layers with the session's settings, on the network as it was before any edit.

        Raises:
            ValueError: no object or no place to paste it.
        """
        self.refuse("")
        if missing := self.session.missing("paste"):
            raise ValueError(missing)
        session, network, trays = self.session, self.session.network, self.session.trays
        wish = Wish(trays.object[0], trays.paste, trays.examples, trays.preserve)
        z = network.sample_z(session.n_sample, session.seed, session.truncation)
        asked = Asked(session.smoothness, session.norm, session.objective, session.method, session.damping)
        options = {"segmenter": self.segmenter, "truncation": session.truncation}

        def work(progress: Callable[[float], None]) -> Iterator[Advice]:
            told = giving_way(progress)
            yield from advising(network, z, wish, ranks=RANKS, asked=asked, **options, progress=told)

        return self.submit(work, lambda advice: self._write(advice=advice), kind="advice", background=not wait)

    def use(self, layer: str, rank: int) -> None:
        """Let the session work with a layer and a rank. Raises `TraitError` for what it does not have."""
        with self.session.hold_trait_notifications():
            self.session.layer = layer
            self.session.rank = rank
