"""Does a classifier of your own keep the promises that switching its units off relies on? `check_classifier`."""

import threading
from contextlib import ExitStack

import torch
from torch import Tensor

from ganwidgets.models.classifiers import Classifier
from ganwidgets.models.edits import set_units, zero_units
from ganwidgets.testing.conformance import _Crash, _must_raise, _require, _unchanged


def check_classifier(classifier: Classifier, layer: str | None = None) -> tuple[str, ...]:
    """Try every promise of a classifier: shapes, determinism, interventions, the closed form, nothing left behind.

    Args:
        classifier: a `Classifier`, e.g. `TorchClassifier(module, image_shape=(3, 32, 32))`.
        layer: where interventions are tried; by default the last map that a module without parts gives.

    Returns:
        What was verified.

    Raises:
        AssertionError: a promise is broken; says which.
    """
    kind = type(classifier).__name__
    _require(isinstance(classifier, Classifier), f"must be a Classifier, got {kind}: wrap the module")
    layer = layer or _last_map(classifier)
    _require(layer is not None, "must have layers to read")
    checks = (_names, _scores, _activations, _halves, _heads, _interventions, _failures, _threads, _traces, _gradients)
    for check in checks:
        with _unchanged(classifier):
            check(classifier, layer)
    return tuple(check.__name__.strip("_") for check in checks)


def _last_map(classifier: Classifier) -> str | None:
    """Of a module without parts, lest it be one of several outputs that nobody reads."""
    names = classifier.map_layers or tuple(classifier.layers)
    simple = [name for name in names if not any(classifier.module.get_submodule(name.partition("@")[0]).children())]
    return (simple or names or (None,))[-1]


def _photos(classifier: Classifier, n: int = 3) -> Tensor:
    noise = torch.rand(n, *classifier.image_shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return noise.to(classifier.device)


def _names(classifier: Classifier, layer: str) -> None:
    names, n = classifier.classes, classifier.output_shape[0]
    _require(isinstance(names, tuple) and len(names) == n, f"classes must be {n} names, got {names!r}")
    _require(all(isinstance(name, str) and name for name in names), "classes must be non-empty strings")
    _require(classifier.fingerprint == classifier.fingerprint, "fingerprint must be constant")


def _scores(classifier: Classifier, layer: str) -> None:
    images = _photos(classifier)
    before, logits = images.clone(), classifier.logits(images)
    shape = (3, len(classifier.classes))
    _require(logits.shape == shape, f"logits must be (n, class) {shape}, got {tuple(logits.shape)}")
    _require(logits.dtype == torch.float32 and logits.isfinite().all(), "logits must be finite float32")
    _require(torch.equal(images, before), "the images given must not be changed")
    _require(torch.equal(classifier.logits(images), logits), "the same images must give the same scores twice")
    alone = classifier.logits(images[:1])
    _require(torch.allclose(alone[0], logits[0], atol=1e-3, rtol=1e-3), "scores must not depend on the other images")
    sums = classifier.probabilities(images).sum(1)
    _require(torch.allclose(sums, torch.ones_like(sums), atol=1e-4), "probabilities must sum to 1")
    _require(torch.equal(classifier.predict(images), logits.argmax(1)), "predict must name the highest score")
    whole = ((images + 1) * 127.5).round()
    same = torch.allclose(classifier.logits(whole.to(torch.uint8)), classifier.logits(whole / 127.5 - 1), atol=1e-4)
    _require(same, "8-bit images must give what the same images in [-1, 1] give")


def _activations(classifier: Classifier, layer: str) -> None:
    images, names = _photos(classifier), list(classifier.layers)
    logits, found = classifier.read(images, names)
    _require(torch.equal(logits, classifier.logits(images)), "read must give the scores that logits() gives")
    for name in (names[0], layer, names[-1]):
        info, acts = classifier.layers[name], classifier.acts(images, name)
        _require(acts.shape == (3, *info.shape), f"acts of {name!r} must be (n, {info.shape}), got {tuple(acts.shape)}")
        _require(torch.equal(acts, found[name]), f"acts of {name!r} must not depend on what else is read")


def _halves(classifier: Classifier, layer: str) -> None:
    images, edit = _photos(classifier), zero_units([0])
    logits, state = classifier.logits(images), classifier.below(images, layer)
    _require(torch.equal(classifier.above(state), logits), f"above(below(images, {layer!r})) must give logits(images)")
    with classifier.intervene(layer, edit):
        edited, again = classifier.logits(images), classifier.above(state)
    _require(torch.equal(again, edited), "above must show an intervention as logits() does")
    _require(
        torch.equal(classifier.above(state, edit.apply(state.acts)), edited), "above must use the activations given"
    )


def _heads(classifier: Classifier, layer: str) -> None:
    images = _photos(classifier)
    for name in classifier.layers:
        head = classifier.linear_head(name)
        if head is not None:
            logits = head.logits(head.means(classifier.acts(images, name)))
            close = torch.allclose(logits, classifier.logits(images), atol=1e-3, rtol=1e-3)
            _require(close, f"the closed form behind {name!r} must give the scores of the network")


def _interventions(classifier: Classifier, layer: str) -> None:
    images = _photos(classifier)
    logits, acts = classifier.logits(images), classifier.acts(images, layer)
    with classifier.intervene(layer, set_units([0], 2.0)):
        with classifier.intervene(layer, zero_units([0], strength=0.5)):
            inner = classifier.acts(images, layer)
        outer = classifier.acts(images, layer)
    _require((inner[:, 0] == 1).all() and (outer[:, 0] == 2).all(), "interventions must nest, inner after outer")
    _require(torch.equal(outer[:, 1:], acts[:, 1:]), "an intervention must leave the other units alone")
    _require(torch.equal(classifier.logits(images), logits), "scores must be as before once an intervention has ended")


def _failures(classifier: Classifier, layer: str) -> None:
    images, units = _photos(classifier), classifier.layers[layer].units
    logits, larger = classifier.logits(images), torch.zeros(2, *(size + 1 for size in classifier.image_shape))
    _must_raise(lambda: classifier.logits(larger), ValueError, "images of a wrong shape")
    _must_raise(lambda: classifier.logits(images * 3), ValueError, "images beyond [-1, 1]")
    _must_raise(lambda: classifier.logits(images * float("nan")), ValueError, "NaN in an image")
    _must_raise(lambda: classifier.acts(images, layer + "?"), ValueError, "a layer that does not exist")
    _must_raise(lambda: classifier.intervene(layer, zero_units([units])), ValueError, "a unit that does not exist")
    with _unchanged(classifier), classifier.intervene(layer, _Crash()):
        _must_raise(lambda: classifier.logits(images), RuntimeError, "a crash in the middle of a pass")
    _require(torch.equal(classifier.logits(images), logits), "scores must be as before after a crash")


def _threads(classifier: Classifier, layer: str) -> None:
    images, seen = _photos(classifier), []
    acts = classifier.acts(images, layer)
    with classifier.intervene(layer, set_units([0], 3.0)):
        other = threading.Thread(target=lambda: seen.append(classifier.acts(images, layer)))
        other.start()
        other.join()
    _require(seen and torch.equal(seen[0], acts), "an intervention must not show in another thread")


def _traces(classifier: Classifier, layer: str) -> None:
    """Also in train mode, and with somebody else's hooks in place."""
    images, parts, calls = _photos(classifier), list(classifier.module.modules()), []
    logits, modes = classifier.logits(images), [part.training for part in parts]
    with ExitStack() as stack:
        # Hooks of other people, which is what this check plays.
        stack.callback(classifier.module.register_forward_hook(lambda *args: calls.append(args[0])).remove)
        classifier.module.train()
        try:
            with _unchanged(classifier), classifier.intervene(layer, set_units([0], 1.0)):
                classifier.logits(images)
            trained = classifier.logits(images)
            _require(all(part.training for part in parts), "train mode must be kept")
        finally:
            for part, mode in zip(parts, modes, strict=True):
                part.training = mode
    _require(torch.equal(trained, logits), "scores must not depend on whether the module is in train mode")
    _require(len(calls) == 2, "hooks of other people must still be called")


def _gradients(classifier: Classifier, layer: str) -> None:
    images = _photos(classifier)
    _require(not classifier.logits(images).requires_grad, "gradients must be off unless asked for")
    state = classifier.below(images, layer)
    acts = state.acts.clone().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(classifier.above(state, acts).logsumexp(1).sum(), acts)
    _require(slope.isfinite().all(), "gradients from the scores back to a layer must be finite")
