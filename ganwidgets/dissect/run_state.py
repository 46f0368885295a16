"""A run written down: what it has seen so far, as tensors, and of what, as plain values.

Accumulators give their `state` as named tensors; `joined` and `part_of` put several under one roof and take them apart
again. `RunState.save` writes one safetensors file with JSON in its metadata, whole or not at all.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ganwidgets.dissect.options import Options
from ganwidgets.dissect.sources import sample_name
from ganwidgets.models.protocol import Network
from ganwidgets.nn.stats import State
from ganwidgets.results.files import write_bytes
from ganwidgets.segment.labelled import LabelledImages
from ganwidgets.segment.protocol import Segmenter

FORMAT, VERSION = "ganwidgets dissection run", 1


class RunState(NamedTuple):
    """A run that was stopped, to be taken up by `DissectionRun.from_state`.

    Attributes:
        tensors: what it has seen.
        about: of which generator, segmenter and settings; plain values.
    """

    tensors: State
    about: dict[str, Any]

    def save(self, path: str | Path) -> Path:
        """Write everything to one file; an older one stays until the new one is whole."""
        return write_bytes(Path(path), save(self.tensors, {"ganwidgets": json.dumps(self.about)}))

    @classmethod
    def load(cls, path: str | Path) -> "RunState":
        """Read a state that was saved.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it is truncated, or no state of a run.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"`path` must be a saved run, but there is no file {str(path)!r}")
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {}).get("ganwidgets", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError, OSError) as error:
            raise ValueError(f"`path` must be a saved run, but {path.name} is truncated or another format") from error
        if not isinstance(about, dict):
            raise ValueError(f"`path` must be a saved run, but {path.name} holds something else")
        return cls(tensors, about)


def joined(parts: Mapping[str, State]) -> State:
    """Several states as one; `part_of` gives each back."""
    return {f"{name}.{key}": value for name, part in parts.items() for key, value in part.items()}


def part_of(state: State, name: str) -> State:
    """What stands under `name.` in a joined state."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


def subject(network: Network, segmenter: Segmenter | LabelledImages, options: Options) -> dict[str, Any]:
    """What a run is of, as plain values; runs of equal subjects see the same."""
    return {
        "options": options.as_dict(),  # first, as latents depend on them
        "network": [network.name, network.fingerprint, *sample_name(network, segmenter, options, 4)],
        "segmenter": [segmenter.name, getattr(segmenter, "fingerprint", str)()]
        + [list(part) for part in (segmenter.concepts, segmenter.categories, segmenter.slots)],
    }


@contextmanager
def whole() -> Iterator[None]:
    """Says in one sentence that a state lacks what is looked for in it.

    Raises:
        ValueError: something was not there, or of another kind.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged: {error}"
        raise ValueError(f"`state` must be whole, but it {reason}; run it again from the start") from error


def check_same(
    state: RunState, network: Network, segmenter: Segmenter | LabelledImages, options: Options | None
) -> Options:
    """The settings of a state, once it is known to be of this network, this segmenter and these settings.

    Raises:
        ValueError: it is not.
    """
    kind = state.about.get("format"), state.about.get("version")
    if kind != (FORMAT, VERSION):
        raise ValueError(f"`state` must be of {FORMAT!r}, version {VERSION}, got {kind}: run it again from the start")
    known = options or Options(**state.about["options"])
    for name, here in subject(network, segmenter, known).items():
        there = state.about[name]
        if name == "options" and here != there:
            differing = {key: there[key] for key in here if here[key] != there.get(key)}
            raise ValueError(f"`options` must be those of the state, which has {differing}; leave `options` out")
        if here != there:
            raise ValueError(
                f"`{name}` must be the one the run began with, {there[0]!r}, with the same weights and answers; "
                f"{here[0]!r} is another"
            )
    return known
