"""How a generator is adapted to one photo, as values: maps for its late layers, and small changes of late weights.

An `Adaptation` belongs to an inverted photo. Latent and residuals decide what stands where; what is then still missing
are the photo's own textures and colours, and these it adds. Nothing in the generator changes: `inverted` makes a second
network of the values, and `released` regions leave the maps out where somebody paints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.results.foreign import part, short, usual_number
from ganwidgets.results.inversion import STOPPED, Errors

FORMS = ("maps", "weights+maps", "weights")
MOST_LAYERS = 64  # of a file


@dataclass(frozen=True, eq=False)
class LowRank:
    """The change of one weight along a few directions, u @ v laid out as the weight is.

    It is sought in this form, so nothing is lost by keeping it so.

    Attributes:
        u: one column a direction.
        v: one row a direction.
        shape: of the weight.
    """

    u: Float[Tensor, "row rank"] = field(repr=False)
    v: Float[Tensor, "rank column"] = field(repr=False)
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = int(torch.Size(self.shape).numel())
        if self.u.shape[1] != len(self.v) or len(self.u) * self.v.shape[1] != numbers:
            raise ValueError(
                f"`u` and `v` must multiply to a weight of shape {tuple(self.shape)}, got {tuple(self.u.shape)} and "
                f"{tuple(self.v.shape)}"
            )

    @property
    def rank(self) -> int:
        """Number of directions."""
        return len(self.v)

    @property
    def norm(self) -> float:
        """Size of the change: the root of its sum of squares."""
        return float(torch.linalg.vector_norm(self.delta()))

    def delta(self) -> Tensor:
        """The change, shaped like the weight."""
        return (self.u @ self.v).reshape(self.shape)


@dataclass(frozen=True)
class Locality:
    """What the changed weights do to pictures they were not made for.

    Attributes:
        change: mean change of other pictures [share of the range], one number a picture.
        seed: of their latents.
    """

    change: tuple[float, ...] = ()
    seed: int = 0

    @property
    def mean(self) -> float:
        """Over the pictures; 0 if no weight was changed."""
        return sum(self.change) / len(self.change) if self.change else 0.0

    @property
    def sentence(self) -> str:
        """The check in words; empty if there was nothing to check."""
        if not self.change:
            return ""
        return (
            f"The changed weights move {len(self.change)} other pictures by {self.mean:.1%} of the range "
            f"(at most {max(self.change):.1%})."
        )


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What makes a generator draw one photo more exactly than its latent and residuals do.

    Attributes:
        scales: layer → d, (1 or unit, height, width): the layer gives x·(1 + d·(1 − released)).
        weights: name of a weight → its change.
        image: what is drawn with it.
        errors: of that image against the photo, with exactly these maps and changes.
        before: of the reconstruction without it.
        form: "maps", "weights+maps" or "weights".
        steps: of optimisation, both parts together.
        seconds: they took.
        stopped: why it ended, one of `results.inversion.STOPPED`.
        curve: step, loss and PSNR [dB] of the best state so far.
        drift: of each changed weight, the size of its change by the size of the weight.
        locality: what the weights do to other pictures.
    """

    scales: Mapping[str, Tensor] = field(repr=False)
    weights: Mapping[str, LowRank] = field(repr=False)
    image: Float[Tensor, "rgb height width"] = field(repr=False)
    errors: Errors
    before: Errors
    form: str
    steps: int
    seconds: float
    stopped: str
    curve: Float[Tensor, "step 3"] = field(repr=False)
    drift: Mapping[str, float]
    locality: Locality

    @property
    def rank(self) -> int:
        """The largest rank of a changed weight; 0 if there is none."""
        return max((change.rank for change in self.weights.values()), default=0)

    @property
    def sentence(self) -> str:
        """What it brought, in words."""
        gain = (
            f"Adapted in {self.steps} steps ({self.seconds:.0f} s): {self.before.psnr:.1f} → {self.errors.psnr:.1f} dB."
        )
        return f"{gain} {self.locality.sentence}".strip()

    def to_parts(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Everything that is JSON, and everything that is not, for a file."""
        about = {name: getattr(self, name) for name in ("form", "steps", "seconds", "stopped")}
        about |= {"scales": list(self.scales), "drift": dict(self.drift), "locality": vars(self.locality)}
        about["weights"] = [{"name": name, "shape": list(change.shape)} for name, change in self.weights.items()]
        about |= {name: vars(getattr(self, name)) for name in ("errors", "before")}
        tensors = {"image": self.image, "curve": self.curve}
        tensors |= {f"scale/{number}": d for number, d in enumerate(self.scales.values())}
        for number, change in enumerate(self.weights.values()):
            tensors |= {f"u/{number}": change.u, f"v/{number}": change.v}
        return about, {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    @classmethod
    def from_parts(cls, about: Any, tensors: Mapping[str, Tensor]) -> "Adaptation":
        """What `to_parts` gave, checked part by part.

        Raises:
            ValueError: something is missing, of another kind, or does not fit the rest.
        """
        scales, weights, form, stopped = (part(about, n, k) for n, k in _KINDS.items())
        if form not in FORMS or stopped not in STOPPED or max(len(scales), len(weights)) > MOST_LAYERS:
            raise ValueError(f"`adaptation` must be as it was saved, got {short(form)}, {short(stopped)}")
        if not all(isinstance(layer, str) for layer in scales):
            raise ValueError(f"`scales` must name layers, got {short(scales)}")
        locality, curve = part(about, "locality", dict), _tensor(tensors, "curve", 2)
        if curve.shape[1] != 3:
            raise ValueError(f"`curve` must have 3 columns, got {curve.shape[1]}")
        return cls(
            {layer: _tensor(tensors, f"scale/{number}", 3) for number, layer in enumerate(scales)},
            {part(entry, "name", str): _low_rank(tensors, number, entry) for number, entry in enumerate(weights)},
            _tensor(tensors, "image", 3),
            _errors(about, "errors"),
            _errors(about, "before"),
            form,
            _field(about, "steps", int),
            float(_field(about, "seconds")),
            stopped,
            curve,
            {name: float(usual_number(size, "drift")) for name, size in part(about, "drift", dict).items()},
            Locality(
                tuple(float(usual_number(share, "change")) for share in part(locality, "change", list)),
                _field(locality, "seed", int),
            ),
        )


_KINDS = {"scales": list, "weights": list, "form": str, "stopped": str}


def _errors(about: Any, name: str) -> Errors:
    entry = part(about, name, dict)
    return Errors(*(float(_field(entry, number)) for number in ("psnr", "ssim", "l1")))


def _field(entry: Any, name: str, kind: Any = int | float) -> Any:
    return usual_number(part(entry, name, kind), name)


def _low_rank(tensors: Mapping[str, Tensor], number: int, entry: Any) -> LowRank:
    shape = part(entry, "shape", list)
    if not all(isinstance(size, int) and not isinstance(size, bool) and 0 < size < 2**20 for size in shape):
        raise ValueError(f"`shape` must hold whole numbers, got {short(shape)}")
    u, v = (_tensor(tensors, f"{which}/{number}", 2) for which in "uv")
    return LowRank(u, v, tuple(shape))


def _tensor(tensors: Mapping[str, Tensor], name: str, axes: int) -> Tensor:
    found = tensors.get(name)
    if found is None or found.ndim != axes or not found.is_floating_point() or not torch.isfinite(found).all():
        raise ValueError(f"its tensor {name!r} is missing, of another kind, or not finite")
    return found.float()
