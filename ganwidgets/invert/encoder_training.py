"""Train an encoder on the network's own pictures, whose latents and activations are known: no photo is needed.

The published recipe in two stages. "apart": E learns the activations of the edit layer, each inverse learns to undo its
layer; "together": all of them learn as one what becomes of a picture (activations, latent, activations drawn again,
picture drawn again). The network itself is only read. Gradients are taken anew in every step (in the published code
they add up over the whole run), and for the encoder's own weights alone.

Everything is a function of the seed and the step: a training that was stopped goes on as if it had not been.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import cos, pi, prod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.invert.encoder_latents import Sample, drawn, latent_space
from ganwidgets.invert.encoder_nets import Direct, Layered, started
from ganwidgets.invert.encoder_recipe import KINDS, Recipe
from ganwidgets.models.generator import Generator
from ganwidgets.models.layers import depth_layers

MOST_LAYERS = 4  # with an inverse of their own
_POOL_NUMBERS = 2**24  # of the pictures that are kept at a time
_MEASURED = 256


def cosine_error(
    a: Float[Tensor, "batch unit *location"], b: Float[Tensor, "batch unit *location"]
) -> Float[Tensor, ""]:
    """1 − cosine similarity over units, mean over places and pictures."""
    return (1 - F.cosine_similarity(a, b, 1)).mean()


def chain_of(network: Generator, layer: str) -> tuple[str, ...]:
    """Layers with an inverse of their own, in running order: some below the edit layer, and that one.

    Raises:
        ValueError: no such layer, or one without maps.
    """
    info, order = network.layer_info(layer), list(network.layers)
    if not info.is_map:
        raise ValueError(f"`layer` must give maps (batch unit height width), {layer!r} gives {info.shape}")
    below = [
        name
        for name in depth_layers(network, len(order))
        if order.index(name) < order.index(info.name)
        and not name.startswith(f"{info.name}.")
        and not info.name.startswith(f"{name}.")
        and len(network.layers[name].shape) == 3
    ]
    chain = [*below, info.name]
    if len(chain) > MOST_LAYERS:
        places = torch.linspace(0, len(chain) - 1, MOST_LAYERS).round().long().tolist()
        chain = [chain[place] for place in places]
    return tuple(chain)


@dataclass(eq=False)
class Training:
    """A training in progress: `step` it until it is `done`. `state` and `resume` carry it over a restart.

    Attributes:
        network, kind, layer, recipe: what is trained for what.
        net: the encoder's weights so far.
        latents: what it estimates.
        number: of steps done.
        losses: what each part of the loss was in the last step.
    """

    network: Generator
    kind: str
    layer: str
    recipe: Recipe
    number: int = 0
    losses: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"`kind` must be one of {list(KINDS)}, got {self.kind!r}")
        network = self.network
        self.chain = chain_of(network, self.layer) if self.kind == "layered" else ()
        self.latents = latent_space(network)
        self.net = built(network, self.kind, self.chain, self.latents.shape, self.recipe.seed).to(network.device)
        if self.kind == "layered":
            self._measure()
        self.adam = torch.optim.Adam(self.net.parameters(), lr=self.recipe.lr, betas=(0.9, 0.99))
        self._pool: tuple[int, Sample, Tensor] | None = None
        self._grads = passes_gradients(network)

    @property
    def done(self) -> bool:
        """Whether all steps are."""
        return self.number >= self.recipe.steps

    @property
    def stage(self) -> str:
        """ "apart" or "together"."""
        return "apart" if self.number < self.recipe.apart else "together"

    def step(self) -> None:
        """One step of Adam.

        Raises:
            ValueError: the loss is not finite.
        """
        sample, images = self._batch()
        self.net.train()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.recipe.half), torch.enable_grad():
            parts = self._apart(sample, images) if self.stage == "apart" else self._together(sample, images)
            loss = sum(parts.values())  # in here, as jobs run without gradients
        if not bool(loss.isfinite()):
            raise ValueError(f"the loss became {float(loss.detach())} at step {self.number}: train with a lower `lr`")
        learn(loss, self.adam, self._rate())
        self.losses = {name: float(part.detach()) for name, part in parts.items()}
        self.number += 1

    def _apart(self, sample: Sample, images: Tensor) -> dict[str, Tensor]:
        net = self.net
        if isinstance(net, Direct):
            return {"latent": self.latents.error(net(images).float(), sample.latents)}
        acts = self._acts(sample)
        rows = [standard(acts[name]) for name, standard in zip(self.chain, net.standards, strict=True)]
        losses = {"acts": (net.image_to_acts(images) - rows[-1]).square().mean()}
        losses["latent"] = self.latents.error(net.to_latent(rows[0]).float(), sample.latents)
        for k, inverse in enumerate(net.inverses):
            before = inverse(rows[k + 1]).float()
            found = net.standards[k].back(before)
            losses[self.chain[k]] = cosine_error(acts[self.chain[k]], found) + (before - rows[k]).square().mean()
            if self.recipe.redraw and self._grads and self._continues:
                again = self._redrawn(sample, k, found)
                losses[self.chain[k]] += self.recipe.redraw * cosine_error(acts[self.chain[k + 1]], again)
        return losses

    def _together(self, sample: Sample, images: Tensor) -> dict[str, Tensor]:
        net, losses = self.net, {}
        if isinstance(net, Direct):
            rows = net(images).float()
        else:
            acts = self._acts(sample, self.chain[-1:])[self.chain[-1]]
            estimate = net.image_to_acts(images)
            rows = net.down(estimate).float()
            found = net.standards[-1].back(estimate.float())
            losses["acts"] = cosine_error(acts, found) + (net.standards[-1](acts) - estimate).square().mean()
        losses["latent"] = self.latents.error(rows, sample.latents)
        if self._grads:
            inputs = sample.inputs(self.network, self.latents.from_rows(rows))
            again, read = self.network.read(inputs, self.chain[-1:], clamp=False, grad=True)
            losses["picture"] = self.recipe.picture * (again - images).square().mean()
            if read:
                losses["acts again"] = cosine_error(acts, read[self.chain[-1]].float())
        return losses

    @torch.no_grad()
    def _acts(self, sample: Sample, names: tuple[str, ...] | None = None) -> Mapping[str, Tensor]:
        acts = self.network.acts(sample.inputs(self.network), names or self.chain, grad=False)
        return {name: part.float() for name, part in acts.items()}

    def _redrawn(self, sample: Sample, k: int, acts: Tensor) -> Tensor:
        state = self.network.below(sample.inputs(self.network), self.chain[k], grad=False)
        return self.network.between(state, self.chain[k + 1], acts, grad=True).float()

    def _batch(self) -> tuple[Sample, Tensor]:
        """Samples of this step: the pool is drawn anew for each pass, and gone through in another order each time."""
        recipe, size = self.recipe, self._pool_size
        batches = size // recipe.batch
        number, within = divmod(self.number, batches * recipe.reuse)
        if self._pool is None or self._pool[0] != number:
            sample = drawn(self.network, size, recipe.seed * 1_000_003 + number)
            self._pool = (number, sample, pictures(self.network, sample, recipe.batch, recipe.half))
        _, sample, images = self._pool
        random = torch.Generator().manual_seed(self.number - within % batches)
        index = torch.randperm(size, generator=random)[(within % batches) * recipe.batch :][: recipe.batch]
        return sample[index.to(images.device)], images[index.to(images.device)]

    @property
    def _pool_size(self) -> int:
        most = max(_POOL_NUMBERS // prod(self.network.image_shape) // self.recipe.batch, 1)
        return min(max(self.recipe.pool // self.recipe.batch, 1), most) * self.recipe.batch

    def _rate(self) -> float:
        recipe = self.recipe
        apart = self.stage == "apart"
        begun, length = (0, recipe.apart) if apart else (recipe.apart, recipe.together)
        warm = min(1.0, (self.number - begun + 1) / 50)
        falling = 0.5 + 0.5 * cos(pi * (self.number - begun) / length)
        return (recipe.lr if apart else recipe.lr_together) * warm * max(falling, 0.01)

    @torch.no_grad()
    def _measure(self) -> None:
        sample = drawn(self.network, _MEASURED, self.recipe.seed + 70_000)
        for name, standard in zip(self.chain, self.net.standards, strict=True):
            parts = torch.arange(_MEASURED, device=sample.latents.device).split(self.recipe.batch)
            standard.measure(torch.cat([self._acts(sample[part], (name,))[name] for part in parts]))
        index = torch.arange(2, device=sample.latents.device)
        state = self.network.below(sample[index].inputs(self.network), self.chain[0], grad=False)
        self._continues = state.exact_skip  # otherwise every layer would cost a whole pass

    # What a training that was stopped goes on from

    def state(self) -> dict[str, Tensor]:
        """Weights and Adam's moments, by name."""
        tensors = {f"net/{name}": part.detach() for name, part in self.net.state_dict().items()}
        for name, part in self.net.named_parameters():
            for key, value in self.adam.state.get(part, {}).items():
                tensors[f"adam/{name}/{key}"] = torch.as_tensor(value)
        return tensors

    def resume(self, number: int, tensors: Mapping[str, Tensor]) -> None:
        """Go on after `number` steps.

        Raises:
            ValueError: the state is of another encoder.
        """
        own = self.net.state_dict()
        given = {name.removeprefix("net/"): part for name, part in tensors.items() if name.startswith("net/")}
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in given.items()}:
            raise ValueError("`tensors` must be the state of a training of this encoder; train anew")
        moments: dict[nn.Parameter, dict[str, Tensor]] = {}
        for name, part in self.net.named_parameters():
            keys = [k for k in tensors if k.startswith(f"adam/{name}/") and "/" not in k.removeprefix(f"adam/{name}/")]
            if keys:
                moments[part] = {k.rpartition("/")[2]: tensors[k].to(part.device) for k in keys}
                moments[part]["step"] = moments[part]["step"].cpu()
        self.net.load_state_dict(given)
        self.adam.state.clear()
        self.adam.state.update(moments)
        self.number = number


def learn(loss: Tensor, adam: torch.optim.Adam, rate: float) -> None:
    """One step downhill along the gradient of this loss alone, which no other weights receive."""
    weights = [part for group in adam.param_groups for part in group["params"]]
    for part, slope in zip(weights, torch.autograd.grad(loss, weights, allow_unused=True), strict=True):
        part.grad = slope
    for group in adam.param_groups:
        group["lr"] = rate
    adam.step()
    adam.zero_grad(set_to_none=True)


def built(network: Generator, kind: str, chain: tuple[str, ...], latent: tuple[int, ...], seed: int) -> nn.Module:
    """An untrained encoder that fits the network."""
    with torch.random.fork_rng(devices=[]):  # torch's modules draw weights as they are made
        if kind == "direct":
            net: nn.Module = Direct(network.image_shape, latent)
        else:
            net = Layered(network.image_shape, [network.layers[name].shape for name in chain], latent)
    return started(net, seed)


@torch.no_grad()
def pictures(network: Generator, sample: Sample, batch: int, half: bool = False) -> Tensor:
    """What the network draws of samples, as it is shown."""
    parts: Iterator[Tensor] = torch.arange(len(sample.latents), device=sample.latents.device).split(batch)
    with torch.autocast(network.device.type, torch.bfloat16, enabled=half):
        return torch.cat([network.images(sample[part].inputs(network), grad=False).float() for part in parts])


def passes_gradients(network: Generator) -> bool:
    """Whether a picture's gradient arrives at the latent; of quantised networks it does not."""
    sample = drawn(network, 2, 1)
    latents = sample.latents.clone().requires_grad_()
    try:
        with torch.enable_grad():  # jobs run without
            total = network.images(sample.inputs(network, latents), clamp=False, grad=True).sum()
        (slope,) = torch.autograd.grad(total, latents, allow_unused=True)
    except RuntimeError:
        return False
    return slope is not None and bool(slope.isfinite().all())
