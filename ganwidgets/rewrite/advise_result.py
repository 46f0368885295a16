"""What trying an edit at every layer and rank found: a table of trials, and which one to begin with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas as pd

LIMIT = 0.05
"""Share of other pictures' pixels that an edit may change visibly and still be recommended first."""

NEAR = 0.02  # effects that differ by less are alike: the lower rank is preferred


@dataclass(frozen=True)
class Trial:
    """One layer and rank.

    Attributes:
        layer: canonical name.
        rank: of the edit.
        effect: in the edited pictures, where the object was pasted: share of the difference to the object's own pixels
            that is gone; 1 is all, 0 none, below 0 it grew.
        fit: share of the error of the layer's values that is gone there; 1 says the layer can do what its values ask.
        around: share of the pixels of the edited pictures, outside the pasted object, that changed visibly.
        elsewhere: share of the pixels of other pictures that changed visibly.
        drift: their mean absolute change [8-bit levels].
        named: share of the pasted pixels that have the object's names; NaN without a segmenter.
        renamed: share of the pixels of other pictures that have another name than before; NaN without a segmenter.
    """

    layer: str
    rank: int
    effect: float
    fit: float
    around: float
    elsewhere: float
    drift: float
    named: float = np.nan
    renamed: float = np.nan


@dataclass(frozen=True, eq=False)
class Advice:
    """Which layer and rank for this edit: all trials, and the one that is recommended.

    Attributes:
        trials: in the order of the layers.
        skipped: layer, or "layer, rank 5" → why it was not tried.
        n_pasted, n_others: pictures behind each effect, and behind each side effect.
        named_before: share of the pasted pixels that have the object's names without an edit; NaN without a segmenter.
        limit: `elsewhere` up to which a trial is recommended first.
    """

    trials: tuple[Trial, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    n_pasted: int = 1
    n_others: int = 0
    named_before: float = np.nan
    limit: float = LIMIT

    @property
    def best(self) -> Trial | None:
        """The trial that `rule` picks; None if there are none."""
        most = max((trial.effect for trial in self.trials), default=0.0)
        quiet = [trial for trial in self.trials if trial.elsewhere <= self.limit and trial.effect >= most / 2 > 0]
        if not quiet:
            return max(self.trials, key=lambda trial: trial.effect - trial.elsewhere, default=None)
        most = max(trial.effect for trial in quiet)
        near = [trial for trial in quiet if trial.effect >= most - NEAR]
        return min(near, key=lambda trial: (trial.rank, trial.elsewhere))

    @property
    def rule(self) -> str:
        """How `best` is picked, in words."""
        return (
            f"Of the trials that change at most {self.limit:.0%} of the pixels of other pictures and reach half of the "
            f"largest effect of all, the one with the largest effect; of those within {NEAR} of it the lowest rank, "
            "then the fewest pixels. If there is none, the largest effect minus share of pixels."
        )

    def __repr__(self) -> str:
        best = self.best
        if best is None:
            return f"<Advice: nothing tried; {len(self.skipped)} skipped>"
        loud = "" if best.elsewhere <= self.limit else f", above the {self.limit:.0%} that are fine"
        return (
            f"<Advice: {best.layer}, rank {best.rank}: effect {best.effect:.2f}, {best.elsewhere:.1%} of the pixels of "
            f"{self.n_others} other pictures changed{loud}; {len(self.trials)} trials>"
        )

    def to_frame(self) -> "pd.DataFrame":
        """A row for each trial; `best` marks the recommended one."""
        import pandas as pd

        frame = pd.DataFrame([asdict(trial) for trial in self.trials], columns=list(Trial.__dataclass_fields__))
        return frame.assign(best=[trial is self.best for trial in self.trials])

    def plot(self) -> "matplotlib.figure.Figure":
        """Effect over side effect, a line for each layer along its ranks."""
        from ganwidgets.rewrite.plot_advice import plot_advice

        return plot_advice(self)
