"""An encoder sees a picture and says which latent a network would draw it from, in one pass.

    encoder = encoder_for(gw.load("scenes"))     # the bundled world ships its own; others are trained once, and kept
    z = encoder.z(images)
    acts = encoder.acts(images)                  # of the edit layer

It is trained on the network's own pictures alone. "layered" finds the activations of the edit layer first and goes
down layer by layer, as published; "direct" has nothing in between.

Source: Bau et al., "Seeing What a GAN Cannot Generate", ICCV 2019.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ganwidgets.invert import encoder_files as files
from ganwidgets.invert import encoder_keeping as keeping
from ganwidgets.invert.edit_layer import edit_layer
from ganwidgets.invert.encoder_recipe import KINDS, Recipe
from ganwidgets.invert.encoder_result import Encoder, EncoderStep, finished, load_encoder
from ganwidgets.invert.encoder_training import Training
from ganwidgets.invert.sample import edits_in_force
from ganwidgets.models.checkpoints import SCENES
from ganwidgets.models.generator import Generator
from ganwidgets.models.layers import did_you_mean
from ganwidgets.results.cache import kept

BUNDLED = {kind: SCENES / f"encoder-{kind}.safetensors" for kind in KINDS}
"""Encoders that ship with the package."""

SAVED_EVERY = 30.0
"""Seconds of a training that are lost at most when the process ends."""


def encoder_for(
    network: Generator,
    kind: str = "layered",
    *,
    layer: str | None = None,
    train: bool = True,
    cache: bool | str | Path = True,
    recipe: Recipe | None = None,
    progress: Callable[[float], Any] | None = None,
) -> Encoder:
    """The encoder of a network: the bundled one, the one kept in the cache, or one trained now.

    Args:
        network: a generator.
        kind: "layered" or "direct".
        layer: edit layer of a layered one; None means the usual layer to edit.
        train: whether one is trained if there is none. Takes minutes; a training that was stopped goes on.
        cache: True keeps it in the user's cache folder, a path in that folder, False nowhere.
        recipe: how to train; None takes the bundled one where there is one, and else trains as by default.
        progress: called with the share that is done.

    Raises:
        ValueError: no such kind or layer, a layer without maps, or there is none and `train` is False.
    """
    found = kept_encoder(network, kind, layer=layer, cache=cache, recipe=recipe)
    if found is not None:
        return found
    if not train:
        raise ValueError(f"`train` must be True: {network.name} has no {kind} encoder yet")
    for step in training(network, kind, layer=layer, cache=cache, recipe=recipe):
        if progress is not None:
            progress(step.fraction)
    return step.encoder


def kept_encoder(
    network: Generator,
    kind: str = "layered",
    *,
    layer: str | None = None,
    cache: bool | str | Path = True,
    recipe: Recipe | None = None,
) -> Encoder | None:
    """The encoder that is bundled or in the cache, or None; arguments as for `encoder_for`."""
    layer = _layer(network, kind, layer)
    plain = network.sampler is None and not edits_in_force(network)  # as when those that ship were trained
    if recipe is None and plain and (bundled := kept(BUNDLED[kind], lambda path: _bundled(path, network, layer))):
        return bundled
    if not cache:
        return None
    about = network, kind, layer, recipe or Recipe()
    found = kept(keeping.path_of(*about, cache), lambda path: load_encoder(path, network))
    return keeping.remembered(*about) if found is None else found


def training(
    network: Generator,
    kind: str = "layered",
    *,
    layer: str | None = None,
    cache: bool | str | Path = True,
    recipe: Recipe | None = None,
) -> Iterator[EncoderStep]:
    """Train an encoder step by step, for a panel that shows it and may stop it; arguments as for `encoder_for`.

    Whoever stops keeps what was reached: the next training of this encoder goes on from there. The last step has the
    encoder. Where no file can be written, or edits of this thread are in force, it is kept in memory only.

    Raises:
        ValueError: as `encoder_for`, or the network was changed meanwhile.
    """
    layer, recipe, fingerprint = _layer(network, kind, layer), recipe or Recipe(), network.fingerprint
    path = keeping.path_of(network, kind, layer, recipe, cache)
    run, state = Training(network, kind, layer, recipe), path and path.with_suffix(".training")
    if state is not None:
        kept(state, lambda path: files.read_state(path, run))
    saved, noted = time.monotonic(), run.number
    try:
        while not run.done:
            run.step()
            if state is not None and time.monotonic() - saved > SAVED_EVERY:
                keeping.written(lambda: files.write_state(state, run, {}))
                saved, noted = time.monotonic(), run.number
            yield EncoderStep(run.number, recipe.steps, run.stage, run.losses)
    finally:
        if state is not None and noted != run.number:
            keeping.written(lambda: files.write_state(state, run, {}))
    if network.fingerprint != fingerprint:
        raise ValueError(f"`network` must stay as it is while its encoder is trained, but {network.name} was changed")
    encoder = finished(run)
    if path is not None and keeping.written(lambda: encoder.save(path)):
        with suppress(OSError):
            state.unlink()
    elif cache:
        keeping.remember(encoder, network, kind, layer, recipe)
    yield EncoderStep(run.number, recipe.steps, "done", run.losses, encoder)


def learning(network: Generator, start: str, layer: str | None = None) -> Iterator[EncoderStep]:
    """The training that a search must wait for; nothing if its start needs no encoder, or there is one.

    Args:
        network: a generator.
        start: of a strategy, one of `strategies.STARTS`.
        layer: the edit layer.
    """
    if start in KINDS and kept_encoder(network, start, layer=layer) is None:
        yield from training(network, start, layer=layer)


def _layer(network: Generator, kind: str, layer: str | None) -> str:
    """The edit layer of a layered encoder; "" for a direct one, which has none."""
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {list(KINDS)}, got {kind!r}.{did_you_mean(str(kind), KINDS)}")
    if not isinstance(network, Generator):
        raise TypeError(f"`network` must be a generator, got {type(network).__name__}; gw.load makes one")
    if kind == "direct":
        return ""
    return edit_layer(network) if layer is None else network.layer_info(layer).name


def _bundled(path: Path, network: Generator, layer: str) -> Encoder | None:
    """What ships, if it is of this network and layer."""
    facts, _ = files.read_parts(path, files.FORMAT, files.VERSION, "a saved encoder", "reinstall ganwidgets")
    fits = (facts.get("network_fingerprint"), facts.get("layer")) == (network.fingerprint, layer)
    return load_encoder(path, network) if fits else None
