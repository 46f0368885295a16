"""How an encoder is trained: which kind, how long, how fast."""

from dataclasses import dataclass

KINDS = ("layered", "direct")


@dataclass(frozen=True)
class Recipe:
    """How an encoder is trained.

    Attributes:
        apart, together: steps of the two stages.
        batch: pictures in a step.
        pool: pictures drawn at a time, and how often each of them is used before others are drawn.
        reuse: see `pool`.
        lr: highest learning rate of Adam in the first stage; it falls to nothing along half a cosine.
        lr_together: the same in the second stage.
        redraw: weight of a layer's redrawn output in the first stage (0.01 as published).
        picture: weight of the picture's squared error in the second stage (1 as published).
        half: draw and learn in bfloat16, where the processor multiplies it fast; never changes the file's format.
        seed: of weights and latents.
    """

    apart: int = 500
    together: int = 500
    batch: int = 32
    pool: int = 1024
    reuse: int = 2
    lr: float | int = 2e-3
    lr_together: float | int = 1e-3
    redraw: float | int = 0.01
    picture: float | int = 1.0
    half: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        least = {"apart": 0, "together": 0, "batch": 2, "pool": 2, "reuse": 1, "seed": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise ValueError(f"`{name}` must be a whole number of at least {low}, got {value!r}")
        for name in ("lr", "lr_together", "redraw", "picture"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"`{name}` must be finite and not negative, got {getattr(self, name)!r}")

    @property
    def steps(self) -> int:
        """Of both stages."""
        return self.apart + self.together
