"""The hook rules: each test fails without the line of the protocol that it guards."""

import contextvars
import copy
import pickle
import threading
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganwidgets.models.edits import Edit, set_units, zero_units
from ganwidgets.models.protocol import Network


def network(module, *shape):
    return Network(module, torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def x():
    return torch.randn(3, 4, 5, 5, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def chain():
    """A plain sequence whose ReLU works in place and whose norm keeps statistics."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.BatchNorm2d(6),
        nn.Sequential(nn.Conv2d(6, 6, 1), nn.ReLU(inplace=True)),
        nn.Conv2d(6, 3, 1),
    ).eval()


class Residual(nn.Module):
    """Adds its first activations to its last; uses one ReLU twice; returns a tuple from a layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.relu = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(True)
        self.pair, self.last = Pair(), nn.Conv2d(4, 3, 1)

    def forward(self, x):
        a = self.relu(self.first(x))
        b = self.relu(self.second(a))
        b, _ = self.pair(b)
        return self.last(a + b)


class Pair(nn.Module):
    def forward(self, x):
        return x * 2, x.mean()


# Reading


def test_layers_are_in_order_of_execution_with_shape_and_dtype(chain):
    g = network(chain, 4, 5, 5)
    assert list(g.layers) == ["0", "1", "2", "3.0", "3.1", "3", "4"]
    assert g.layers["2"].shape == (6, 5, 5)
    assert g.layers["2"].dtype == torch.float32
    assert g.output_shape == (3, 5, 5)


def test_an_in_place_relu_does_not_overwrite_what_was_read(chain, x):
    g = network(chain, 4, 5, 5)
    expected = chain[0](x)
    assert expected.min() < 0
    output, found = g.read(x, ["0", "1"])
    assert torch.equal(found["0"], expected)
    assert torch.equal(found["1"], expected.relu())
    assert torch.equal(output, chain(x))


def test_what_was_read_shares_no_memory_with_the_weights(x):
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.value = nn.Parameter(torch.ones(2, 4, 5, 5))

        def forward(self, x):
            return self.value

    module = nn.Sequential(Constant(), nn.Conv2d(4, 3, 1))
    g = network(module, 4, 5, 5)
    g.acts(x[:2], "0").zero_()
    g.below(x[:2], "0").acts.zero_()
    assert module[0].value.min() == 1


def test_a_module_that_works_in_place_on_its_input_does_not_change_the_callers(x):
    g, before = network(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 3, 1)), 4, 5, 5), x.clone()
    g.forward(x)
    assert torch.equal(x, before)


def test_acts_stop_above_the_last_layer_asked_for(chain, x):
    g, ran = network(chain, 4, 5, 5), []
    chain[4].register_forward_hook(lambda *args: ran.append(1))
    assert list(g.acts(x, ["1", "0"])) == ["1", "0"]
    assert not ran
    g.read(x, ["1"])
    assert ran


def test_an_unknown_layer_is_refused_before_anything_runs(chain, x):
    g = network(chain, 4, 5, 5)
    for call in (lambda: g.acts(x, "33"), lambda: g.read(x, ["33"]), lambda: g.below(x, "33")):
        with pytest.raises(ValueError, match=r"`layer` must be one of \['0', .*got '33'"):
            call()
    with pytest.raises(ValueError, match=r"Did you mean '3\.0'"):
        g.intervene("30", zero_units([0]))


def test_inputs_must_be_tensors(chain, x):
    with pytest.raises(TypeError):
        network(chain, 4, 5, 5).forward(x.numpy())


# Nothing is left behind


def test_train_mode_and_statistics_are_bit_identical(chain, x):
    expected = chain(x)
    chain.train()
    chain[3].eval()
    modes = [part.training for part in chain.modules()]
    state = {key: tensor.clone() for key, tensor in chain.state_dict().items()}
    g = network(chain, 4, 5, 5)
    with g.intervene("0", zero_units([1])):
        g.above(g.below(x, "1"))
        g.read(x, ["2"])
    assert torch.equal(g.forward(x), expected)  # as in eval mode
    assert [part.training for part in chain.modules()] == modes
    assert all(torch.equal(tensor, state[key]) for key, tensor in chain.state_dict().items())


class Counting(nn.Module):
    """Changes buffers even in eval mode: in place and by replacing."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 3, 1)
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("var", torch.ones(3))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x):
        self.count = self.count + 1
        return F.batch_norm(self.conv(x), self.mean, self.var, training=True, momentum=0.1) + self.count


def test_buffers_that_change_in_eval_mode_are_put_back(x):
    module = Counting()
    mean, count = module.mean, module.count
    g = network(module, 4, 5, 5)
    assert torch.equal(g.forward(x), g.forward(x))
    assert module.mean is mean
    assert mean.tolist() == [0, 0, 0]
    assert module.count is count
    assert count == 0


def test_hooks_are_gone_after_success_and_after_a_crash(chain, x):
    g = network(chain, 4, 5, 5)

    @dataclass(frozen=True, eq=False)
    class Crash(Edit):
        def apply(self, acts):
            raise RuntimeError("on purpose")

    g.read(x, ["0", "3"])
    g.acts(x, "0")
    with pytest.raises(RuntimeError, match="on purpose"), g.intervene("2", Crash()):
        g.forward(x)
    chain.train()
    with pytest.raises(RuntimeError):
        g.forward(torch.zeros(1, 7, 5, 5))
    assert all(part.training for part in chain.modules())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in chain.modules())


def test_hooks_of_other_people_stay_and_are_called(chain, x):
    g, seen = network(chain, 4, 5, 5), []
    handle = chain[0].register_forward_hook(lambda module, args, output: seen.append(output.clone()) or output + 1)
    with g.intervene("0", zero_units([0])):
        found = g.acts(x, "0")
    assert list(chain[0]._forward_hooks) == [handle.id]
    assert torch.equal(found[:, 1:], seen[0][:, 1:] + 1)  # what flows on, after their hook


def test_gradients_of_other_peoples_weights_are_left_alone(chain, x):
    g = network(chain, 4, 5, 5)
    with torch.enable_grad():
        assert not g.forward(x).requires_grad
    assert all(p.requires_grad and p.grad is None for p in chain.parameters())


# Interventions


def test_an_intervention_changes_what_follows_and_ends_with_the_block(chain, x):
    g, before = network(chain, 4, 5, 5), chain(x)
    with g.intervene("1", zero_units(range(6))):
        assert torch.equal(g.forward(x), chain[2:](torch.zeros(3, 6, 5, 5)))
        assert torch.equal(chain(x), before)  # the module itself is never changed
    assert torch.equal(g.forward(x), before)


def test_an_exception_inside_the_block_ends_the_intervention(chain, x):
    g, before = network(chain, 4, 5, 5), chain(x)
    with pytest.raises(KeyError), g.intervene("1", zero_units([0])):
        raise KeyError
    assert torch.equal(g.forward(x), before)


def test_interventions_nest_and_apply_in_order(chain, x):
    g = network(chain, 4, 5, 5)
    with g.intervene("1", set_units([0], 8.0)):
        with g.intervene("1", zero_units([0], strength=0.5)), g.intervene("2", set_units([1], 3.0)):
            assert g.acts(x, "1")[:, 0].unique() == 4
            assert g.acts(x, "2")[:, 1].unique() == 3
        assert g.acts(x, "1")[:, 0].unique() == 8


def test_one_intervention_may_be_entered_twice_and_blocks_end_in_any_order(chain, x):
    g = network(chain, 4, 5, 5)
    half, other = g.intervene("1", zero_units([0], strength=0.5)), g.intervene("1", zero_units([1]))
    plain = g.acts(x, "1")
    half.__enter__()
    other.__enter__()
    half.__enter__()
    assert torch.equal(g.acts(x, "1")[:, 0], plain[:, 0] / 4)
    half.__exit__()
    half.__exit__()
    assert torch.equal(g.acts(x, "1")[:, 0], plain[:, 0])
    assert g.acts(x, "1")[:, 1].abs().max() == 0
    other.__exit__()
    assert torch.equal(g.acts(x, "1"), plain)


def in_thread(work):
    """What `work` gives in a thread of its own."""
    result = []
    thread = threading.Thread(target=lambda: result.append(work()))
    thread.start()
    thread.join()
    return result[0]


def test_an_intervention_does_not_show_in_another_thread(chain, x):
    g = network(chain, 4, 5, 5)
    plain = g.forward(x)
    with g.intervene("1", zero_units([0, 1, 2])):
        assert torch.equal(in_thread(lambda: g.forward(x)), plain)
        context = contextvars.copy_context()
        assert torch.equal(in_thread(lambda: context.run(g.forward, x)), plain)
        assert not torch.equal(g.forward(x), plain)


def test_a_pass_waits_for_the_pass_of_another_thread(chain, x):
    """Also when another network has the module: the lock is the module's, and is held for one pass."""
    chain.train()
    plainly, editing = network(chain, 4, 5, 5), network(chain, 4, 5, 5)
    plain, results, finished = plainly.forward(x), [], threading.Event()

    def look():
        results.append(plainly.forward(x))
        finished.set()

    @dataclass(frozen=True, eq=False)
    class Slow(Edit):
        def apply(self, acts):
            if not results:
                other.start()
                assert not finished.wait(0.2)
            return acts * 0

    other = threading.Thread(target=look)
    with editing.intervene("1", Slow()):
        editing.forward(x)
        other.join(5)  # not held between passes
    assert torch.equal(results[0], plain)
    assert all(part.training for part in chain.modules())


def test_the_module_called_by_somebody_else_during_a_pass_is_not_edited(chain, x):
    g, plain, seen = network(chain, 4, 5, 5), chain(x), []
    with g.intervene("1", zero_units(range(6))):
        edited = g.forward(x)
        # Somebody's hook on the first part calls the whole module in a thread, before the edited part has run.
        hook = chain[0].register_forward_hook(lambda *args: handle() or seen.append(in_thread(lambda: chain(x))))
        handle = hook.remove
        assert torch.equal(g.forward(x), edited)
    assert torch.equal(seen[0], plain)


def test_only_edits_that_fit_are_taken(chain):
    g = network(chain, 4, 5, 5)
    with pytest.raises(ValueError, match="`units` must be below 6"):
        g.intervene("1", zero_units([6]))
    with pytest.raises(TypeError):
        g.intervene("1", "off")


def test_an_edit_that_changes_the_shape_is_refused(chain, x):
    @dataclass(frozen=True, eq=False)
    class Crop(Edit):
        def apply(self, acts):
            return acts[..., 1:]

    g = network(chain, 4, 5, 5)
    with pytest.raises(ValueError, match="`edit` must keep the shape"), g.intervene("1", Crop()):
        g.forward(x)


# A module called twice, tuples, wrappers


def test_a_module_called_twice_is_addressed_by_call(x):
    module = Residual()
    g = network(module, 4, 5, 5)
    assert [name for name in g.layers if "relu" in name] == ["relu@0", "relu@1"]
    assert g.layers["relu@1"].calls == 2
    a = module.first(x).relu()
    assert torch.equal(g.acts(x, "relu@0"), a)
    assert torch.equal(g.acts(x, "relu@1"), module.second(a).relu())
    with g.intervene("relu@1", zero_units(range(4))):
        assert torch.equal(g.acts(x, "relu@0"), a)
        assert torch.equal(g.forward(x), module.last(a))
    with pytest.raises(ValueError, match="'relu' runs 2 times in a pass; say which call"):
        g.acts(x, "relu")


class Sometimes(nn.Module):
    """Calls one part three times: without a tensor, with one number a batch, with one output an image."""

    def __init__(self):
        super().__init__()
        self.part, self.conv = Echo(), nn.Conv2d(4, 3, 1)

    def forward(self, x):
        self.part(None)
        self.part(x.sum().reshape(1))
        return self.conv(self.part(x))


class Echo(nn.Module):
    def forward(self, x):
        return x


def test_calls_that_give_nothing_an_image_count_but_are_no_layers(x):
    g = network(Sometimes(), 4, 5, 5)
    assert list(g.layers) == ["part@2", "conv"]
    assert torch.equal(g.acts(x, "part@2"), x)


Both = namedtuple("Both", "image extra")


@pytest.mark.parametrize(
    "wrap",
    [lambda x: (x, "kept"), lambda x: [x, "kept"], lambda x: {"image": x, "extra": "kept"}, lambda x: Both(x, "kept")],
    ids=["tuple", "list", "dict", "namedtuple"],
)
def test_the_first_tensor_of_a_tuple_is_read_and_exchanged(x, wrap):
    class Inner(nn.Module):
        def forward(self, x):
            return wrap(x * 2)

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def forward(self, x):
            both = self.inner(x)
            first, extra = both.values() if isinstance(both, dict) else both
            assert extra == "kept"
            assert type(both) is type(wrap(x))
            return first

    g = network(Outer(), 4, 5, 5)
    assert torch.equal(g.acts(x, "inner"), x * 2)
    with g.intervene("inner", zero_units([0])):
        assert g.forward(x)[:, 0].abs().max() == 0
    state = g.below(x, "inner")
    assert torch.equal(g.above(state, state.acts + 1), x * 2 + 1)


def test_a_tuple_between_the_parts_of_a_sequence(x):
    class Unpack(nn.Module):
        def forward(self, both):
            return both[0] + both[1]

    g = network(nn.Sequential(Pair(), Unpack()), 4, 5, 5)
    state = g.below(x, "0")
    assert not state.exact_skip
    assert torch.equal(g.above(state), x * 2 + x.mean())


# Below and above


@pytest.mark.parametrize("layer", ["0", "1", "2", "3.0", "3.1", "3", "4"])
def test_a_plain_sequence_skips_the_work_below(chain, x, layer):
    g, ran = network(chain, 4, 5, 5), []
    expected, state = g.forward(x), g.below(x, layer)
    for part in chain[: int(layer[0])]:
        part.register_forward_hook(lambda *args: ran.append(1))
    acts = state.acts.clone()
    assert state.exact_skip
    assert torch.equal(g.above(state), expected)
    assert torch.equal(g.above(state), expected)
    assert torch.equal(state.acts, acts)  # in spite of the in-place ReLU that follows
    assert not ran


@pytest.mark.parametrize("layer", ["first", "relu@0", "second", "relu@1", "pair", "last"])
def test_other_modules_are_run_again_exactly(x, layer):
    module = Residual()
    g = network(module, 4, 5, 5)
    state = g.below(x, layer)
    assert torch.equal(g.above(state), g.forward(x))
    with g.intervene(layer, set_units([1], 2.0)):
        assert torch.equal(g.above(state), g.forward(x))
    assert not state.exact_skip or layer == "last"


def test_above_takes_other_activations(chain, x):
    for g in (network(chain, 4, 5, 5), network(Residual(), 4, 5, 5)):
        layer = "1" if "1" in g.layers else "second"
        state = g.below(x, layer)
        edit = set_units([0], 3.0)
        with g.intervene(layer, edit):
            expected = g.forward(x)
        given = edit.apply(state.acts)
        kept = given.clone()
        assert torch.equal(g.above(state, given), expected)
        assert torch.equal(given, kept)
        with pytest.raises(ValueError, match="`acts` must be shaped like"):
            g.above(state, given[:1])


def test_a_run_goes_on_to_a_later_layer_only(chain, x):
    ran = []
    chain[4].register_forward_hook(lambda *args: ran.append(1))
    for g, layers in ((network(chain, 4, 5, 5), ("1", "3.0", "3", "3.1")), (network(Residual(), 4, 5, 5), None)):
        low, *later = layers or ("first", "relu@1", "pair")
        state, edit = g.below(x, low), set_units([0], 3.0)
        ran.clear()
        for layer in later:
            with g.intervene(low, edit):
                assert torch.equal(g.between(state, layer), g.acts(x, layer))
                expected = g.acts(x, layer)
            assert torch.equal(g.between(state, layer, edit.apply(state.acts)), expected)
            with g.intervene(layer, zero_units([1])):
                assert not g.between(state, layer)[:, 1].any()
        assert not ran


def test_from_inside_a_sequence_a_run_goes_on_to_its_end(chain, x):
    g = network(chain, 4, 5, 5)
    assert torch.equal(g.between(g.below(x, "3.0"), "3"), g.acts(x, "3"))


def test_a_run_does_not_go_back(chain, x):
    g = network(chain, 4, 5, 5)
    for layer in ("0", "2"):
        with pytest.raises(ValueError, match="`layer` must finish after '2'"):
            g.between(g.below(x, "2"), layer)
    with pytest.raises(ValueError, match="`acts` must be shaped like"):
        g.between(g.below(x, "2"), "4", x[:1])
    with pytest.raises(ValueError, match="`state` must come from below"):
        network(chain, 4, 5, 5).between(g.below(x, "2"), "4")


def test_edits_below_stay_and_edits_above_are_those_of_now(chain, x):
    for g, low, layer, high in (
        (network(chain, 4, 5, 5), "0", "2", "3.0"),
        (network(Residual(), 4, 5, 5), "first", "second", "pair"),
    ):
        with g.intervene(low, set_units([0], 2.0)):
            state = g.below(x, layer)
            with g.intervene(layer, zero_units([1])), g.intervene(high, set_units([2], 1.0)):
                expected = g.forward(x)
        with g.intervene(layer, zero_units([1])), g.intervene(high, set_units([2], 1.0)):
            assert torch.equal(g.above(state), expected)


def test_an_edit_of_a_sequence_around_the_layer_is_not_skipped(chain, x):
    g = network(chain, 4, 5, 5)
    state = g.below(x, "3.0")
    with g.intervene("3", set_units([0], 5.0)):
        assert torch.equal(g.above(state), g.forward(x))


def test_a_hooked_sequence_is_not_skipped(chain, x):
    g = network(chain, 4, 5, 5)
    chain.register_forward_hook(lambda module, args, output: output + 1)
    state = g.below(x, "2")
    assert not state.exact_skip
    assert torch.equal(g.above(state), g.forward(x))


def test_a_sequence_whose_forward_was_exchanged_is_not_skipped(chain, x):
    g, forward = network(chain, 4, 5, 5), chain.forward
    chain.forward = lambda x: forward(x) + 1
    state = g.below(x, "2")
    assert not state.exact_skip
    assert torch.equal(g.above(state), g.forward(x))


def test_a_sequence_with_a_forward_of_its_own_is_not_skipped(x):
    class Twice(nn.Sequential):
        def forward(self, x):
            return super().forward(x) * 2

    g = network(Twice(nn.Conv2d(4, 4, 1), nn.ReLU()), 4, 5, 5)
    state = g.below(x, "0")
    assert not state.exact_skip
    assert torch.equal(g.above(state), g.forward(x))


@pytest.mark.parametrize("afterwards", ["nothing", "tanh", "in place"])
def test_a_module_that_returns_what_its_last_part_gave_is_skipped(x, afterwards):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.main = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 3, 1))

        def forward(self, x):
            y = self.main(x * 2)
            return y if afterwards == "nothing" else y.tanh() if afterwards == "tanh" else y.add_(1)

    g = network(Wrapped(), 4, 5, 5)
    state = g.below(x, "main.1")
    assert state.exact_skip == (afterwards == "nothing")
    assert torch.equal(g.above(state), g.forward(x))
    g.module.register_forward_hook(lambda module, args, output: output * 2)
    assert torch.equal(g.above(state), g.forward(x))


def test_a_state_of_another_network_is_refused(chain, x):
    state = network(chain, 4, 5, 5).below(x, "1")
    with pytest.raises(ValueError, match="`state` must come from below"):
        network(chain, 4, 5, 5).above(state)


def test_a_module_used_twice_in_a_sequence_is_run_again(x):
    relu = nn.ReLU()
    g = network(nn.Sequential(relu, nn.Conv2d(4, 4, 1), relu, nn.Conv2d(4, 3, 1)), 4, 5, 5)
    assert "0@1" in g.layers
    state = g.below(x, "1")
    with g.intervene("0@1", zero_units([0, 1])):
        assert torch.equal(g.above(state), g.forward(x))
    state = g.below(x, "0@1")
    assert not state.exact_skip
    assert torch.equal(g.above(state), g.forward(x))


# Noise


class Noisy(nn.Sequential):
    def __init__(self):
        torch.manual_seed(0)
        super().__init__(nn.Conv2d(4, 4, 1), Noise(), nn.Conv2d(4, 4, 1), Noise(), nn.Conv2d(4, 3, 1))


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class NoisyElsewhere(Noisy):
    def forward(self, x):
        return super().forward(x) + 0


@pytest.mark.parametrize("kind", [Noisy, NoisyElsewhere])
def test_noise_is_the_same_in_every_pass_and_between_below_and_above(x, kind):
    g = network(kind(), 4, 5, 5)
    images, state = g.forward(x), g.below(x, "1")
    assert state.exact_skip == (kind is Noisy)
    assert torch.equal(g.forward(x), images)
    assert torch.equal(g.above(state), images)
    assert torch.equal(g.above(state), images)
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    g.above(g.below(x, "1"))
    assert torch.equal(torch.randn(3), expected)  # the global generator is where it was


# Gradients


def test_gradients_are_off_unless_something_requires_them(chain, x):
    g = network(chain, 4, 5, 5)
    assert not g.forward(x).requires_grad
    assert g.forward(x, grad=True).requires_grad
    wanted = x.clone().requires_grad_()
    assert g.forward(wanted).requires_grad
    assert not g.forward(wanted, grad=False).requires_grad
    strength = torch.tensor(0.5, requires_grad=True)
    with torch.no_grad(), g.intervene("1", zero_units([0], strength)):
        assert not g.forward(wanted).requires_grad
        assert not g.above(g.below(wanted, "0")).requires_grad
        for asked in (g.forward(wanted, grad=True), g.above(g.below(wanted, "0", grad=True), grad=True)):
            assert torch.autograd.grad(asked, wanted, torch.ones_like(asked))[0].abs().max() > 0


def test_gradients_through_below_and_above_are_those_of_the_whole(chain, x):
    for g, layer in ((network(chain, 4, 5, 5), "2"), (network(Residual(), 4, 5, 5), "second")):
        wanted = x.clone().requires_grad_()
        (whole,) = torch.autograd.grad(g.forward(wanted).square().sum(), wanted)
        (halves,) = torch.autograd.grad(g.above(g.below(wanted, layer)).square().sum(), wanted)
        torch.testing.assert_close(halves, whole)
        state, end = g.below(x, layer), list(g.layers)[-1]
        acts = state.acts.clone().requires_grad_()
        slopes = [
            torch.autograd.grad(run.square().sum(), acts)[0]
            for run in (g.above(state, acts), g.between(state, end, acts))
        ]
        assert torch.equal(*slopes) and slopes[0].any()
        assert torch.equal(*(torch.autograd.grad(g.acts(wanted, layer).sum(), wanted)[0] for _ in range(2)))


def test_gradients_reach_an_edit_that_is_being_optimised(chain, x):
    g = network(chain, 4, 5, 5)
    strength = torch.tensor(0.5, requires_grad=True)
    state = g.below(x, "1")
    with g.intervene("1", zero_units([0, 1], strength)):
        (of_above,) = torch.autograd.grad(g.above(state).square().sum(), strength)
        (of_whole,) = torch.autograd.grad(g.forward(x).square().sum(), strength)
    torch.testing.assert_close(of_above, of_whole)
    assert of_above != 0


# Copies


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))], ids=["copy", "pickle"])
def test_a_copy_is_independent(x, duplicate):
    g = network(nn.Sequential(nn.Conv2d(4, 3, 1), nn.ReLU()), 4, 5, 5)
    mark, output = g.fingerprint, g.forward(x)
    twin = duplicate(g)
    with torch.no_grad():
        twin.module[0].weight.zero_()
    assert g.fingerprint == mark != twin.fingerprint
    with g.intervene("0", zero_units([0])):
        twin.forward(x)
    assert torch.equal(g.forward(x), output)
