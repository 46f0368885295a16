"""The session that guesses which concept is to become which: what a segmenter sees where something was marked.

The source is what most of the pasted places show now, the target what most of the copied object shows. It is a guess
to begin with; a person may know better.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from traitlets import Bunch, Unicode

from ganwidgets.jobs import Controller
from ganwidgets.nn.regions import resize
from ganwidgets.rewrite.controller import RewriteController
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.workbench import Workbench
from ganwidgets.segment import Segmenter, validate_segmentation

MOST_PLACES = 16  # that are looked at


class GoalController(Controller):
    """Guesses source and target whenever an object or a place to paste it is marked in a session.

    Args:
        session: in which something is marked.
        segmenter: names the pixels; without one nothing is guessed.
    """

    source = Unicode(read_only=True, help="Concept that most of the pasted places show; empty: not known.")
    target = Unicode(read_only=True, help="Concept that most of the copied object shows; empty: anything else.")

    def __init__(self, session: RewriteController, segmenter: Segmenter | None = None) -> None:
        self.session, self.segmenter = session, segmenter
        self._counts: dict[Example, Tensor] = {}
        super().__init__()
        session.observe(self._marked, "trays")
        self._marked()

    def close(self) -> None:
        self.session.unobserve(self._marked, "trays")
        super().close()

    def _marked(self, change: Bunch | None = None) -> None:
        trays, bench = self.session.trays, self.session._bench
        places = (*trays.object, *trays.paste[:MOST_PLACES])
        if self.segmenter is None or not trays.paste:
            return
        if change is not None and (*change.old.object, *change.old.paste[:MOST_PLACES]) == places:
            return

        def work(progress: Callable[[float], None]) -> Iterator[tuple[str, str] | None]:
            known = self._counts = {place: counts for place, counts in self._counts.items() if place in places}
            for place in places:
                if place not in known:
                    known[place] = self._counted(bench, place)
                yield None
            source = self._most(sum(known[place] for place in places[len(trays.object) :]))
            target = self._most(sum(known[place] for place in trays.object)) if trays.object else ""
            yield source, "" if target == source else target

        self.submit(work, lambda found: self._write(source=found[0], target=found[1]), kind="goal", interactive=True)

    def _counted(self, bench: Workbench, place: Example) -> Tensor:
        """How many of the marked pixels show each concept; the first number is for none."""
        image = bench.network.images(bench.z[place.image : place.image + 1], grad=False)
        seg = validate_segmentation(self.segmenter(image), image, self.segmenter)[0]
        marked = resize(place.region, tuple(seg.shape[-2:])).to(seg.device) >= 0.5
        return torch.bincount(seg[:, marked].flatten().long(), minlength=len(self.segmenter.concepts) + 1).cpu()

    def _most(self, counts: Tensor) -> str:
        return self.segmenter.concepts[int(counts[1:].argmax())] if counts[1:].any() else ""
