"""The sessions behind a view of a network that is fed labelled images.

`NetworkController` dissects one layer after the other, as for a generator. `DepthController` compares layers, also with
random weights; `RotationController` turns a layer's basis; `ExplainController` tells a prediction by its units.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from traitlets import Bunch, Instance, Int, TraitError, Unicode, observe, validate

from ganwidgets.dissect.controller import DissectController
from ganwidgets.dissect.counting import COUNTINGS
from ganwidgets.dissect.depth import DepthProfile, depth_layers, depth_steps
from ganwidgets.dissect.explanation import Explanation, explain, headed_layers
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.rotation import ALPHAS, BasisRotation, rotation_steps
from ganwidgets.jobs import Controller
from ganwidgets.models import Classifier, Network
from ganwidgets.results.dissection import Dissection
from ganwidgets.segment import LabelledImages
from ganwidgets.session import whole_in_range
from ganwidgets.worker import Job

SHOWN = 24
"""Images that are offered to be explained."""

Progress = Callable[[float], None]


class NetworkController(DissectController):
    """Dissects layers of a network that is fed labelled images.

    Args:
        network: a classifier, or another network with an `image_shape`.
        data: labelled images.
        traits: first values; `rule` is "netdissect" and `n` all images unless said otherwise.
    """

    def __init__(self, network: Network, data: LabelledImages, **traits: Any) -> None:
        self.data = data
        usual = {"rule": "netdissect", "top_fraction": 0.005}
        usual["n"] = self._most(traits.get("rule", "netdissect"))
        super().__init__(network, data, **usual | traits)

    def _most(self, rule: str) -> int:
        """Images a run may see; the rule "iqr" needs as many others to choose thresholds on."""
        return max(1, len(self.data) // (2 if rule == "iqr" else 1))

    def fit_n(self, change: Bunch) -> None:
        """All images, or half of them, go with the rule; a number that somebody chose stays if it can.

        For whoever shows both to call once the new rule is shown.
        """
        if self.n == self._most(change.old) or self.n > self._most(change.new):
            self.n = self._most(change.new)

    @validate("n")
    def _check_n(self, proposal: Bunch) -> int:
        return whole_in_range("n", proposal["value"], 1, len(self.data))

    @validate("truncation")
    def _check_truncation(self, proposal: Bunch) -> None:
        if proposal["value"] is not None:
            raise TraitError("`truncation` must be None: labelled images have no latents.")


class _Asking(Controller):
    """A session that runs over the data with the settings of a `NetworkController`, and publishes one result.

    Args:
        dissecting: whose network, data and settings are used.
        traits: first values.
    """

    counting = Unicode(COUNTINGS[0], help="How detectors are counted: 'one label' or 'per category'.")
    run_layer = Unicode(read_only=True, help="Layer of the newest run.")

    def __init__(self, dissecting: NetworkController, **traits: Any) -> None:
        self.dissecting = dissecting
        super().__init__(**traits)

    def run(self, *, wait: bool = False) -> Job:
        """Begin; `wait` does it in the calling thread."""
        layer, settings = self.dissecting.layer, self._settings()
        self._write(run_layer=layer)
        return self.submit(
            lambda progress: self._work(layer, settings, progress),
            lambda news: self._write(**news),
            background=not wait,
        )

    def _settings(self) -> dict[str, Any]:
        d = self.dissecting
        return {"n": d.n, "seed": d.seed, "rule": d.rule, "top_fraction": d.top_fraction}

    def _work(self, layer: str, settings: dict[str, Any], progress: Progress) -> Iterator[dict[str, Any] | None]:
        raise NotImplementedError

    @validate("counting")
    def _check_counting(self, proposal: Bunch) -> str:
        if proposal["value"] not in COUNTINGS:
            raise TraitError(f"`counting` must be one of {list(COUNTINGS)}, got {proposal['value']!r}.")
        return proposal["value"]


class DepthController(_Asking):
    """Compares layers of a network with each other and with random weights; dissections go to the other session."""

    profile = Instance(DepthProfile, allow_none=True, read_only=True, help="What is known of the layers.")

    def _work(self, layer: str, settings: dict[str, Any], progress: Progress) -> Iterator[dict[str, Any] | None]:
        network, data = self.dissecting.network, self.dissecting.data
        options = Options(layers=depth_layers(network), **settings)
        for share, profile in depth_steps(network, data, options):
            progress(share)
            yield None if profile is None else {"profile": profile}


class RotationController(_Asking):
    """Turns the basis of the layer that is looked at, and counts what is still detected."""

    rotation = Instance(BasisRotation, allow_none=True, read_only=True, help="The newest one, of `rotation.layer`.")
    rotations = Int(2, help="Random rotations.")

    def _work(self, layer: str, settings: dict[str, Any], progress: Progress) -> Iterator[dict[str, Any] | None]:
        network, data = self.dissecting.network, self.dissecting.data
        options = Options(layers=(layer,), chance=False, top_k=1, **settings)
        for step in rotation_steps(network, data, options, ALPHAS, self.rotations):
            if isinstance(step, BasisRotation):
                yield {"rotation": step}
            else:
                progress(step)
                yield None

    @validate("rotations")
    def _check_rotations(self, proposal: Bunch) -> int:
        return whole_in_range("rotations", proposal["value"], 1, 100)


class ExplainController(Controller):
    """Tells a prediction of one of the data's images by the units of a layer that was dissected.

    Args:
        network: whose predictions are told; one that is no classifier has none.
        data: where the images come from.
        traits: first values.

    Attributes:
        numbers: of the images that are offered.
        layers: that a prediction can be told by: those that only an average and one linear layer follow.
    """

    dissection = Instance(Dissection, allow_none=True, help="Of such a layer.")
    image = Int(None, allow_none=True, help="Which of the offered images; None: none.")
    label = Int(None, allow_none=True, help="Number of the class that is explained; None: the predicted one.")
    explanation = Instance(Explanation, allow_none=True, read_only=True, help="Of that image.")

    def __init__(self, network: Network, data: LabelledImages, **traits: Any) -> None:
        self.network, self.data = network, data
        self.layers = tuple(headed_layers(network)) if isinstance(network, Classifier) else ()
        chosen = np.random.RandomState(0).permutation(len(data))[:SHOWN]
        self.numbers = tuple(sorted(chosen.tolist()))
        super().__init__(**traits)

    @property
    def usable(self) -> bool:
        """Whether the dissection is of a layer by which predictions can be told."""
        return self.dissection is not None and any(layer in self.layers for layer in self.dissection.layers)

    def offered(self) -> torch.Tensor:
        """The images that are offered."""
        return self.data.batch(self.numbers)[0]

    def update(self, *, wait: bool = False) -> None:
        """Tell the chosen image's prediction, if there is one that can be told."""
        image, label, dissection = self.image, self.label, self.dissection
        if image is None or not self.usable:
            self._write(explanation=None)
            return

        def work(progress: Progress) -> Explanation:
            return explain(self.network, self.data.batch([self.numbers[image]])[0], dissection, label)

        self.submit(
            work, lambda found: self._write(explanation=found), kind="explain", interactive=True, background=not wait
        )

    @observe("dissection", "image", "label")
    def _changed(self, change: Bunch) -> None:
        self.update()

    @validate("image")
    def _check_image(self, proposal: Bunch) -> int | None:
        if proposal["value"] is not None:
            whole_in_range("image", proposal["value"], 0, len(self.numbers) - 1)
        return proposal["value"]

    @validate("label")
    def _check_label(self, proposal: Bunch) -> int | None:
        if proposal["value"] is not None:
            whole_in_range("label", proposal["value"], 0, len(getattr(self.network, "classes", ())) - 1)
        return proposal["value"]
