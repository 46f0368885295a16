"""Does a network of your own keep the promises that dissection and editing rely on?

`check_generator` and `check_segmenter` try each promise on the real thing and raise an `AssertionError` that names
the first one broken; they return the names of those kept. Call them from a test of your own model. The generator is
left exactly as it was.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganwidgets.models.edits import Edit, set_units, zero_units
from ganwidgets.models.generator import Generator
from ganwidgets.models.protocol import Network

_COUNT_DTYPES = (torch.uint8, torch.int16, torch.int32, torch.int64)


def check_generator(generator: Generator, layer: str | None = None) -> tuple[str, ...]:
    """Try every promise of a generator: shapes, range, determinism, interventions, nothing left behind.

    Args:
        generator: a `Generator`, e.g. `TorchGenerator(module)`.
        layer: where interventions are tried; by default a map in the middle.

    Returns:
        What was verified.

    Raises:
        AssertionError: a promise is broken; says which.
    """
    _require(isinstance(generator, Generator), f"must be a Generator, got {type(generator).__name__}: wrap the module")
    maps = generator.map_layers or tuple(generator.layers)
    layer = layer or (maps[len(maps) // 2] if maps else None)
    _require(layer is not None, "must have layers to read")
    checks = (_latents, _images, _activations, _halves, _interventions, _failures, _threads, _traces, _gradients, _nan)
    for check in checks:
        with _unchanged(generator):
            check(generator, layer)
    return tuple(check.__name__.strip("_") for check in checks)


def check_segmenter(segmenter: Any, images: Tensor | None = None) -> tuple[str, ...]:
    """Try every promise of a segmenter: names, shapes, dtype, range, determinism, scores if it has them.

    Args:
        segmenter: any object with the protocol of `ganwidgets.segment`.
        images: (batch rgb height width) in [-1, 1], at least two; by default noise of 64 × 96 pixels.

    Returns:
        What was verified.

    Raises:
        AssertionError: a promise is broken; says which.
    """
    if images is None:
        images = torch.rand(3, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    checks = (_names, _segmentation, _scores)
    for check in checks:
        check(segmenter, images)
    return tuple(check.__name__.strip("_") for check in checks)


def _require(condition: Any, promise: str) -> None:
    if not condition:
        raise AssertionError(promise)


# Generators


@contextmanager
def _unchanged(network: Network):
    """Require that hooks, modes, weights and statistics are the same after as before."""
    before = _state_of(network)
    yield
    after = _state_of(network)
    for part, was in before.items():
        _require(after[part] == was, f"must leave the module's {part} as it was")


def _state_of(network: Network) -> dict[str, Any]:
    parts = list(network.module.modules())
    return {
        "hooks": [(list(p._forward_hooks.items()), list(p._forward_pre_hooks.items())) for p in parts],
        "train or eval mode": [part.training for part in parts],
        "weights and statistics": {
            name: (tensor.data_ptr(), tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
            for name, tensor in network.module.state_dict().items()
        },
    }


def _latents(generator: Generator, layer: str) -> None:
    z = generator.sample_z(5, seed=3)
    _require(z.shape == (5, *generator.z_shape), f"sample_z(5) must be (5, *z_shape), got {tuple(z.shape)}")
    _require(z.dtype == torch.float32 and z.isfinite().all(), "sample_z must give finite float32")
    _require(torch.equal(generator.sample_z(3, seed=3), z[:3]), "latent i must be the same for every n")
    _require(not torch.equal(generator.sample_z(5, seed=4), z), "latents must depend on the seed")
    if generator.sampler is None:
        small = generator.sample_z(5, seed=3, truncation=0.5).abs()
        _require(small.max() <= 0.5, "a truncation of 0.5 must give latents within 0.5")


def _images(generator: Generator, layer: str) -> None:
    z = generator.sample_z(3)
    before, images = z.clone(), generator.images(z)
    _require(
        images.shape == (3, *generator.image_shape), f"images must be (n, *image_shape), got {tuple(images.shape)}"
    )
    _require(generator.image_shape[0] in (1, 3, 4), "images must have 1, 3 or 4 channels")
    _require(images.dtype == torch.float32 and images.isfinite().all(), "images must be finite float32")
    _require(images.abs().max() <= 1, "images must lie in [-1, 1]")
    _require(torch.equal(z, before), "the latents given must not be changed")
    _require(torch.equal(generator.images(z), images), "the same latents must give the same images twice")
    alone = generator.images(z[:1])
    _require(torch.allclose(alone[0], images[0], atol=1e-4), "an image must not depend on the others of its batch")


def _activations(generator: Generator, layer: str) -> None:
    z, names = generator.sample_z(3), list(generator.layers)
    images, found = generator.read(z, names)
    _require(torch.equal(images, generator.images(z)), "read must give the images that images() gives")
    for name in (names[0], layer, names[-1]):
        info, acts = generator.layers[name], generator.acts(z, name)
        _require(acts.shape == (3, *info.shape), f"acts of {name!r} must be (n, {info.shape}), got {tuple(acts.shape)}")
        _require(torch.equal(acts, found[name]), f"acts of {name!r} must not depend on what else is read")


def _halves(generator: Generator, layer: str) -> None:
    z = generator.sample_z(2)
    images, state = generator.images(z), generator.below(z, layer)
    _require(torch.equal(generator.above(state), images), f"above(below(z, {layer!r})) must give images(z)")
    _require(torch.equal(generator.above(state), images), "above must give the same when called again")
    edit = zero_units([0])
    with generator.intervene(layer, edit):
        edited, again = generator.images(z), generator.above(state)
    _require(torch.equal(again, edited), "above must show an intervention as images() does")
    _require(
        torch.equal(generator.above(state, edit.apply(state.acts)), edited), "above must use the activations given"
    )


def _interventions(generator: Generator, layer: str) -> None:
    z = generator.sample_z(2)
    images, acts = generator.images(z), generator.acts(z, layer)
    with generator.intervene(layer, set_units([0], 2.0)):
        with generator.intervene(layer, zero_units([0], strength=0.5)):
            inner = generator.acts(z, layer)
        outer = generator.acts(z, layer)
    _require((inner[:, 0] == 1).all() and (outer[:, 0] == 2).all(), "interventions must nest, inner after outer")
    _require(torch.equal(outer[:, 1:], acts[:, 1:]), "an intervention must leave the other units alone")
    _require(torch.equal(generator.images(z), images), "images must be as before once an intervention has ended")


@dataclass(frozen=True, eq=False)
class _Crash(Edit):
    def apply(self, acts: Tensor) -> Tensor:
        raise RuntimeError("crash on purpose")


def _failures(generator: Generator, layer: str) -> None:
    z = generator.sample_z(2)
    images, units = generator.images(z), generator.layers[layer].units
    shape = (2, *(size + 1 for size in generator.z_shape))
    _must_raise(lambda: generator.images(torch.zeros(shape, device=z.device)), Exception, "latents of a wrong shape")
    _must_raise(lambda: generator.acts(z, layer + "?"), ValueError, "a layer that does not exist")
    _must_raise(lambda: generator.intervene(layer, zero_units([units])), ValueError, "a unit that does not exist")
    with _unchanged(generator), generator.intervene(layer, _Crash()):
        _must_raise(lambda: generator.images(z), RuntimeError, "a crash in the middle of a pass")
    _require(torch.equal(generator.images(z), images), "images must be as before after a crash")


def _must_raise(call: Callable, kind: type[Exception], what: str) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{what} must raise {kind.__name__}")


def _threads(generator: Generator, layer: str) -> None:
    z, seen = generator.sample_z(2), []
    acts = generator.acts(z, layer)
    with generator.intervene(layer, set_units([0], 3.0)):
        other = threading.Thread(target=lambda: seen.append(generator.acts(z, layer)))
        other.start()
        other.join()
    _require(seen and torch.equal(seen[0], acts), "an intervention must not show in another thread")


def _traces(generator: Generator, layer: str) -> None:
    """Also in train mode, and with somebody else's hooks in place."""
    z, parts, calls = generator.sample_z(2), list(generator.module.modules()), []
    images, modes = generator.images(z), [part.training for part in parts]
    with ExitStack() as stack:
        # Hooks of other people, which is what this check plays.
        stack.callback(generator.module.register_forward_hook(lambda *args: calls.append(args[0])).remove)
        generator.module.train()
        try:
            with _unchanged(generator), generator.intervene(layer, set_units([0], 1.0)):
                generator.images(z)
            trained = generator.images(z)
            _require(all(part.training for part in parts), "train mode must be kept")
        finally:
            for part, mode in zip(parts, modes, strict=True):
                part.training = mode
    _require(torch.equal(trained, images), "images must not depend on whether the module is in train mode")
    _require(len(calls) == 2, "hooks of other people must still be called")


def _gradients(generator: Generator, layer: str) -> None:
    z = generator.sample_z(2)
    _require(not generator.images(z).requires_grad, "gradients must be off unless asked for")
    state = generator.below(z, layer)
    if not state.acts.is_floating_point():
        return
    acts = state.acts.clone().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(generator.above(state, acts, clamp=False).sum(), acts)
    _require(slope.isfinite().all(), "gradients from an image back to a layer must be finite")


def _nan(generator: Generator, layer: str) -> None:
    z = torch.full_like(generator.sample_z(2), float("nan"))
    try:
        images = generator.images(z)
    except ValueError:
        return
    _require(images.isfinite().all(), "NaN must be an error, not an image")


# Segmenters


def _names(segmenter: Any, images: Tensor) -> None:
    for field in ("concepts", "categories", "slots"):
        names = getattr(segmenter, field, None)
        _require(isinstance(names, tuple) and names, f"{field} must be a tuple of names, got {names!r}")
        _require(
            all(isinstance(name, str) and name for name in names), f"{field} must be non-empty strings, got {names}"
        )
    concepts, categories = segmenter.concepts, segmenter.categories
    _require(len(set(concepts)) == len(concepts), "concepts must each have another name")
    _require(len(categories) == len(concepts), f"categories must be one a concept, got {len(categories)}")
    _require(isinstance(getattr(segmenter, "name", None), str), "name must be a string")
    if hasattr(segmenter, "fingerprint"):
        mark = segmenter.fingerprint()
        _require(isinstance(mark, str) and mark == segmenter.fingerprint(), "fingerprint() must be a constant string")


def _segmentation(segmenter: Any, images: Tensor) -> None:
    before, seg = images.clone(), segmenter(images)
    n, _, height, width = images.shape
    shape = (n, len(segmenter.slots), height, width)
    _require(isinstance(seg, Tensor) and seg.dtype in _COUNT_DTYPES, "a segmentation must be a tensor of whole numbers")
    _require(seg.shape == shape, f"a segmentation must be (batch slot height width) {shape}, got {tuple(seg.shape)}")
    most = len(segmenter.concepts)
    _require(
        seg.min() >= 0 and seg.max() <= most, f"a segmentation must hold 0 … {most}, got {seg.min()} … {seg.max()}"
    )
    _require(torch.equal(images, before), "the images given must not be changed")
    _require(torch.equal(segmenter(images), seg), "the same images must give the same segmentation twice")
    # A few pixels may lie on an edge where rounding decides.
    differ = (segmenter(images[:1])[0] != seg[0]).float().mean()
    _require(differ < 1e-3, "a segmentation must not depend on the other images of its batch")


def _scores(segmenter: Any, images: Tensor) -> None:
    if not hasattr(segmenter, "scores"):
        return
    with torch.enable_grad():
        images = images.detach().clone().requires_grad_()
        scores = segmenter.scores(images)
        shape = (len(images), len(segmenter.concepts), *images.shape[2:])
        _require(
            scores.shape == shape, f"scores must be (batch concept height width) {shape}, got {tuple(scores.shape)}"
        )
        _require(scores.isfinite().all(), "scores must be finite")
        _require(scores.requires_grad, "scores must be differentiable in the images")
        (slope,) = torch.autograd.grad(scores.sum(), images)
    _require(slope.isfinite().all(), "gradients of the scores must be finite")
