"""What a network under study is: its layers can be read, changed for a while, and split in two.

This is the only file that registers hooks. Hooks belong to the module, not to the caller: left in place they show in
every other thread, cell and widget. So an intervention is only noted, in a list of the thread that made it, and each
forward pass registers what *its* thread asked for, runs, and removes it, under the lock of the module. The lock is
taken per pass, never around a loop, so a picture is never late by more than one batch.

A pass is a function of its inputs: modules run in eval mode and get their own mode back, buffers that a pass changes
are put back, and a module that draws random numbers (noise) draws the same ones in every pass, leaving torch's global
generators alone. Recorded activations are copies, so an in-place ReLU further on cannot overwrite them.

`acts` and `read` read, `intervene` changes, `below` and `above` split the work so that an unchanged half runs once
(`between` ends it at a later layer).
Gradients are recorded when grad mode is on and an input, a replaced activation or an edit requires them, or with
`grad=True`; never otherwise.

An intervention holds for everything its thread does until the block ends. Do not `yield` or `await` inside one: what
the thread runs meanwhile would be edited too.
"""

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.edits import Edit
from ganwidgets.models.fingerprint import Fingerprint, with_standing
from ganwidgets.models.layers import LayerInfo, unknown_layer
from ganwidgets.models.passes import Edits, Inputs, Plan, Stop, edited, first_tensor, isolated, rng_state, same_noise
from ganwidgets.models.pipeline import Pipeline
from ganwidgets.models.wrappers import unwrap

_locks: "weakref.WeakKeyDictionary[nn.Module, Any]" = weakref.WeakKeyDictionary()
_locks_lock = threading.Lock()
# .edits: {network: [(layer, edit), …]} of this thread. Not a ContextVar: threads inherit those, and keep them.
_thread = threading.local()


@dataclass(frozen=True, eq=False)
class State:
    """A network run up to a layer, to be finished by `above` as often as wanted. Opaque but for four fields.

    Attributes:
        layer: where the run stopped.
        acts: what the layer gave, before edits of the layer itself. Do not change it in place.
        exact_skip: whether `above` skips the work below the layer (a plain sequence of modules); otherwise it runs
            the whole network again with the layer's output replaced: the same numbers, more slowly.
        args: what the layer's module was called with, if that was asked for; else empty. Do not change it in place.
    """

    layer: str
    acts: Tensor
    exact_skip: bool
    args: tuple[Any, ...] = field(repr=False)
    network: "Network" = field(repr=False)
    inputs: Inputs = field(repr=False)
    edits: Edits = field(repr=False)
    rng: tuple[Tensor, ...] = field(repr=False)


class Intervention:
    """An edit in force between `__enter__` and `__exit__`, made by `Network.intervene`; may be entered again."""

    def __init__(self, network: "Network", layer: str, edit: Edit) -> None:
        self.network, self.layer, self.edit = network, layer, edit
        self._entered: list[tuple[list, tuple]] = []

    def __enter__(self) -> "Network":
        entry, added = (self.layer, self.edit), self.network._added_edits()
        added.append(entry)
        self._entered.append((added, entry))
        return self.network

    def __exit__(self, *error: object) -> None:
        # The list of the thread that entered, and this very entry: blocks need not end in order, nor in one thread.
        added, entry = self._entered.pop()
        del added[next(i for i in reversed(range(len(added))) if added[i] is entry)]


class Network:
    """A module whose layers can be read and edited; a `Network` *has* a module, it is not one.

    Args:
        module: any module; `torch.compile` and `DataParallel` wrappers are taken off.
        example: inputs of two images, for the one dry run that finds the layers.
        name: what reports call it.

    Attributes:
        module: the plain module. Moving it to another device or changing its weights is seen at once.
        layers: name → `LayerInfo`, in the order in which they finish.
        output_shape: of the output, without the batch.
        standing: edits that every pass carries, below those a thread adds; see `standing.with_edits`.

    Raises:
        TypeError: not a module, or one in which hooks would be ignored (scripted, or compiled in parts).
    """

    standing: Edits = ()

    def __init__(self, module: nn.Module, example: Inputs, name: str | None = None) -> None:
        self.module = unwrap(module)
        self.name = name or type(self.module).__name__
        self.layers: dict[str, LayerInfo] = {}
        self._calls: dict[str, tuple[str, int]] = {}  # layer → module path, number of the call
        self._bundled: set[str] = set()  # layers whose activations come in a tuple or mapping
        self._draws_noise, self._changing_buffers, self._tail = False, (), ""
        self._fingerprint = Fingerprint()
        self.output_shape = self._dry_run(example)

    @property
    def map_layers(self) -> tuple[str, ...]:
        """Layers whose units are maps that can be laid over an image."""
        return tuple(name for name, info in self.layers.items() if info.is_map)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and where inputs are brought to."""
        return _any_tensor(self.module).device

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what computes with them: the same on every device, new when weights change."""
        own = self.weights_fingerprint
        return with_standing(own, self.standing) if self.standing else own

    @property
    def weights_fingerprint(self) -> str:
        """Hash of the module alone, whatever else decides what it draws (a range of values, truncation, noise)."""
        return self._fingerprint.of(self.module)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {len(self.layers)} layers, on {self.device}>"

    def forward(self, inputs: Inputs, *, grad: bool | None = None) -> Tensor:
        """The module's own output, under the interventions of this thread."""
        return self._run(inputs, Plan(self._edits()), grad)

    def acts(self, inputs: Inputs, layer: str | Sequence[str], *, grad: bool | None = None) -> Any:
        """Activations of a layer, or {layer: activations} for a list; what lies above is not run.

        Edits in force show, those of the layer itself included: this is what the next layer sees.

        Raises:
            ValueError: no such layer.
        """
        names = tuple(self.layer_info(name).name for name in ([layer] if isinstance(layer, str) else layer))
        plan = Plan(self._edits(), read=names, stop=True)
        if names:
            self._run(inputs, plan, grad)
        return plan.found[names[0]] if isinstance(layer, str) else {name: plan.found[name] for name in names}

    def read(self, inputs: Inputs, layers: str | Sequence[str], *, grad: bool | None = None) -> tuple[Tensor, dict]:
        """The output and {layer: activations}, from one forward pass.

        Raises:
            ValueError: no such layer.
        """
        names = tuple(self.layer_info(name).name for name in ([layers] if isinstance(layers, str) else layers))
        plan = Plan(self._edits(), read=names)
        output = self._run(inputs, plan, grad)
        return output, {name: plan.found[name] for name in names}

    def intervene(self, layer: str, edit: Edit) -> Intervention:
        """Edit a layer's output while a `with` block lasts, in this thread only.

        Interventions nest; those of one layer apply in the order in which they were entered.

        Raises:
            ValueError: no such layer, or an edit that does not fit it.
            TypeError: not an edit.
        """
        if not isinstance(edit, Edit):
            raise TypeError(f"`edit` must be an edit such as zero_units([3]), got {edit!r}")
        info = self.layer_info(layer)
        edit.check(info.shape)
        return Intervention(self, info.name, edit)

    def below(self, inputs: Inputs, layer: str, *, keep_args: bool = False, grad: bool | None = None) -> State:
        """Run up to a layer and keep what `above` needs for the rest.

        Args:
            inputs: of the network.
            layer: where to stop.
            keep_args: keep what the layer's module was called with, too: with it, the layer can be run again with
                other weights.
            grad: whether gradients are recorded; None means when grad mode is on and something requires them.

        Raises:
            ValueError: no such layer.
        """
        name, edits = self.layer_info(layer).name, self._edits()
        plan = Plan(edits, capture=name, keep_args=keep_args, stop=True)
        grad = _wants_grad(grad, plan, inputs)
        with torch.set_grad_enabled(grad):
            inputs = self._prepared(inputs)
        self._run(inputs, plan, grad)
        return State(
            name, plan.captured, self._rest(name, self.standing) is not None, plan.args, self, inputs, edits, plan.rng
        )

    def above(
        self, state: State, acts: Float[Tensor, "batch unit *location"] | None = None, *, grad: bool | None = None
    ) -> Tensor:
        """Finish a run: the output for the activations of `state`, or for others of that shape in their place.

        Edits this thread has in force now apply from the layer on; below it, those in force when `below` was called.

        Raises:
            ValueError: a state of another network, or activations of another shape.
        """
        acts, now = self._checked_acts(state, acts), self._edits()
        rest = self._rest(state.layer, now)
        if rest is None:
            return self._run(state.inputs, Plan(state.edits, replace=(state.layer, acts, now)), grad)
        plan = Plan(now, replace=(state.layer, acts, now))
        return self._run(state.inputs, plan, grad, rest, state.rng)

    def between(
        self,
        state: State,
        layer: str,
        acts: Float[Tensor, "batch unit *location"] | None = None,
        *,
        grad: bool | None = None,
    ) -> Tensor:
        """Run on to a later layer only: what it gives, edits of it included; otherwise as `above`.

        Raises:
            ValueError: a state of another network, activations of another shape, or a layer that is not above.
        """
        name, acts = self.layer_info(layer).name, self._checked_acts(state, acts)
        order = list(self.layers)
        if order.index(name) <= order.index(state.layer):
            raise ValueError(f"`layer` must finish after {state.layer!r}, where the run stopped, got {name!r}")
        now = self._edits()
        around = state.layer.startswith(f"{name}.")  # then it is no part of what is left to run
        rest = None if around or self.layers[name].calls > 1 else self._rest(state.layer, now)
        below = state.edits if rest is None else now
        plan = Plan(below, read=(name,), replace=(state.layer, acts, now), stop=True)
        self._run(state.inputs, plan, grad, rest, () if rest is None else state.rng)
        return plan.found[name]

    def _checked_acts(self, state: State, acts: Tensor | None) -> Tensor:
        """What a run goes on from."""
        if state.network is not self:
            raise ValueError(f"`state` must come from below() of this network, got one of {state.network!r}")
        acts = state.acts if acts is None else acts
        if acts.shape != state.acts.shape:
            raise ValueError(
                f"`acts` must be shaped like state.acts {tuple(state.acts.shape)}, got {tuple(acts.shape)}"
            )
        return acts.to(state.acts)

    # How a pass is run

    def _run(
        self,
        inputs: Inputs,
        plan: Plan,
        grad: bool | None,
        rest: list[nn.Module] | None = None,
        rng: tuple[Tensor, ...] = (),
    ) -> Tensor | None:
        """One pass over the module, or over the `rest` of it from the replaced layer on; None if it stopped early."""
        grad = _wants_grad(grad, plan, inputs)
        with self._lock, isolated(self.module, self._changing_buffers), ExitStack() as stack:
            if self._draws_noise:
                stack.enter_context(same_noise(self.device, rng))
            stack.enter_context(torch.set_grad_enabled(grad))
            inputs = self._prepared(inputs)
            for module, hook in self._hooks(plan):
                stack.callback(module.register_forward_hook(hook).remove)
            if plan.keep_args and plan.capture:
                path, number = self._calls[plan.capture]
                hook = plan.note_args(number)
                stack.callback(self.module.get_submodule(path).register_forward_pre_hook(hook).remove)
            try:
                output = self._call(inputs) if rest is None else self._finish_run(plan, rest)
            except Stop:
                output = None
        if plan.missing:
            raise RuntimeError(f"`layer` {plan.missing[0]!r} ran in the dry run but not in this pass")
        return first_tensor(output)

    def _call(self, inputs: Inputs) -> Any:
        """How the module is called; families with other arguments override this."""
        return self.module(*inputs) if isinstance(inputs, tuple) else self.module(inputs)

    @staticmethod
    def _finish_run(plan: Plan, rest: list[nn.Module]) -> Any:
        layer, acts, now = plan.replace
        x = edited(layer, acts.clone(), now)  # a clone, lest a module that works in place change the caller's
        for module in rest:
            x = module(x)
        return x

    def _hooks(self, plan: Plan) -> Iterator[tuple[nn.Module, Callable]]:
        calls: dict[str, dict[int, str]] = {}
        for layer in plan.layers:
            path, number = self._calls[layer]
            calls.setdefault(path, {})[number] = layer
        for path, numbers in calls.items():
            yield self.module.get_submodule(path), plan.hook(numbers)

    def _rest(self, layer: str, edits: Edits = ()) -> list[nn.Module] | None:
        """Modules that turn the output of `layer` into the network's, one after the other; None if it is no chain.

        Walks up from the layer: every module around it must be a plain `nn.Sequential`, of which the later parts are
        still to run. The outermost may also be one that returns what its last part gave, as it is, or a `Pipeline`.
        """
        if layer in self._bundled:
            return None
        if any(self.layers[name].calls > 1 or layer.startswith(f"{name}.") for name in (layer, *dict(edits))):
            return None
        rest, path = [], self._calls[layer][0]
        if isinstance(self.module, Pipeline) and path in self.module.order:
            return None if _has_hooks(self.module) else self.module.after(path)
        while path:
            above, _, key = path.rpartition(".")
            parent = self.module.get_submodule(above)
            if _is_plain_sequence(parent):
                parts = list(parent._modules)
                rest += [parent._modules[name] for name in parts[parts.index(key) + 1 :]]
            elif above or key != self._tail or _has_hooks(parent):
                return None
            path = above
        return rest

    def _dry_run(self, example: Inputs) -> tuple[int, ...]:
        """Find layers, noise, buffers that change and the last part, from one pass; returns the output's shape."""
        ran: list[tuple[str, Any]] = []  # module path, and what stands for the output
        children = set(self.module.children())
        last: tuple[str, Tensor, int] | None = None

        def note(path: str) -> Callable:
            def hook(module: nn.Module, args: Any, output: Any) -> None:
                nonlocal last
                if threading.get_ident() == owner:
                    acts = first_tensor(output)
                    ran.append((path, None if acts is None else (acts.shape, acts.dtype, acts is output)))
                    if module in children:
                        last = None if acts is None else (path, acts, acts._version)

            return hook

        owner, inputs = threading.get_ident(), self._prepared(example)
        buffers = {name: (buffer, buffer.clone()) for name, buffer in self.module.named_buffers()}
        with self._lock, isolated(self.module, tuple(buffers)), same_noise(self.device), ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            for path, part in self.module.named_modules():
                if path:
                    stack.callback(part.register_forward_hook(note(path)).remove)
            start = rng_state(self.device)
            output = first_tensor(self._call(inputs))
            self._draws_noise = any(not a.equal(b) for a, b in zip(start, rng_state(self.device), strict=True))
            now = dict(self.module.named_buffers())  # compared by content: batch norm changes them unseen by torch
            self._changing_buffers = tuple(
                name for name, (old, was) in buffers.items() if now.get(name) is not old or not old.equal(was)
            )
        if output is None:
            raise ValueError(f"`module` must return a tensor, or a tuple or mapping of them: {self.name} did not")
        if last and last[1] is output and output._version == last[2]:
            self._tail = last[0]
        self._name_layers(ran, output.shape[:1])
        return tuple(output.shape[1:])

    def _name_layers(self, ran: list[tuple[str, Any]], batch: torch.Size) -> None:
        """Layers are the calls that gave one output an image, counted among all calls of their module."""
        totals = Counter(path for path, _ in ran)
        numbers: Counter[str] = Counter()
        for path, gave in ran:
            if gave and gave[0][:1] == batch:
                shape, dtype, bare = gave
                name = path if totals[path] == 1 else f"{path}@{numbers[path]}"
                self.layers[name] = LayerInfo(name, tuple(shape[1:]), dtype, totals[path])
                self._calls[name] = (path, numbers[path])
                self._bundled |= set() if bare else {name}
            numbers[path] += 1

    def layer_info(self, layer: str) -> LayerInfo:
        """What the layer gives; raises `ValueError` for a name that is none, with what was probably meant."""
        if layer not in self.layers:
            raise unknown_layer(layer, self.layers, (name for name, _ in self.module.named_modules()))
        return self.layers[layer]

    def _prepared(self, inputs: Inputs) -> Inputs:
        """Copies on the weights' device, floats in the weights' dtype; a module may work on them in place."""
        if isinstance(inputs, tuple):
            return tuple(self._prepared(part) for part in inputs)
        if not isinstance(inputs, Tensor):
            raise TypeError(f"`inputs` must be a torch tensor (or a tuple of them), got {type(inputs).__name__}")
        like = _any_tensor(self.module)
        floats = inputs.is_floating_point() and like.is_floating_point()
        moved = inputs.to(like.device, like.dtype) if floats else inputs.to(like.device)
        return moved.clone() if moved is inputs else moved

    @property
    def _lock(self) -> Any:
        with _locks_lock:
            return _locks.setdefault(self.module, threading.RLock())

    def _edits(self) -> Edits:
        """What is in force in this thread: the network's standing edits, and over them what the thread added."""
        return (*self.standing, *self._added_edits())

    def _added_edits(self) -> list[tuple[str, Edit]]:
        if not hasattr(_thread, "edits"):
            _thread.edits = weakref.WeakKeyDictionary()
        return _thread.edits.setdefault(self, [])


def _any_tensor(module: nn.Module) -> Tensor:
    """A weight that tells device and dtype."""
    tensors = chain(module.parameters(), module.buffers())
    return next((part for part in tensors if part.is_floating_point()), torch.empty(0))


def _wants_grad(grad: bool | None, plan: Plan, inputs: Inputs) -> bool:
    """Whether a pass records gradients: as told, else when grad mode is on and something put into it requires them."""
    if grad is not None:
        return grad
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    return torch.is_grad_enabled() and (
        plan.requires_grad or any(getattr(part, "requires_grad", False) for part in given)
    )


def _has_hooks(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def _is_plain_sequence(module: nn.Module) -> bool:
    """Whether calling the module is calling its parts in order, and nothing else."""
    return type(module).forward is nn.Sequential.forward and "forward" not in vars(module) and not _has_hooks(module)
