"""Run, cancel, resume, and how far it is."""

from traitlets import Bool, Enum, Int, Unicode

from ganwidgets.ui.component import Component, bundle
from ganwidgets.ui.traits import Number

STATUSES = ("idle", "running", "cancelled", "failed", "done")


class RunBar(Component):
    """The button and the progress of a long job; asks Python for "run", "cancel" and "resume"."""

    _esm, _css = bundle("run_bar")

    status = Enum(STATUSES, "idle").tag(sync=True)
    progress = Number(0.0, help="Share that is done, 0-1.").tag(sync=True)
    remaining = Number(-1.0, help="Time left [seconds]; -1 when not known.").tag(sync=True)
    n_done = Int(0, help="Images, or what `noun` says, done.").tag(sync=True)
    n_total = Int(0, help="In all; 0 when not known.").tag(sync=True)
    noun = Unicode("image", help="What is counted, in the singular.").tag(sync=True)
    resumable = Bool(True, help="Whether what was stopped can go on, if it has begun.").tag(sync=True)
    note = Unicode("", help="A short remark beside the progress.").tag(sync=True)
    disabled = Unicode("", help="Why nothing can be run now; empty when it can.").tag(sync=True)
    label = Unicode("", help="What the button that begins says; empty: Run, and then Run again.").tag(sync=True)

    def describe(self) -> str:
        return f"{self.status}, {self.n_done:,} of {self.n_total:,}"
