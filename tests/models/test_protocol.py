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

# Reading


def test_layers_are_in_order_of_execution_with_shape_and_dtype(network_of, chain):
    g = network_of(chain, 4, 5, 5)
    assert list(g.layers) == ["0", "1", "2", "3.0", "3.1", "3", "4"]
    assert g.layers["2"].shape == (6, 5, 5)
    assert g.layers["2"].dtype == torch.float32
    assert g.output_shape == (3, 5, 5)


def test_an_in_place_relu_does_not_overwrite_what_was_read(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    expected = chain[0](x)
    assert expected.min() < 0
    output, found = g.read(x, ["0", "1"])
    assert torch.equal(found["0"], expected)
    assert torch.equal(found["1"], expected.relu())
    assert torch.equal(output, chain(x))


def test_what_was_read_shares_no_memory_with_the_weights(network_of, x):
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.value = nn.Parameter(torch.ones(2, 4, 5, 5))

        def forward(self, x):
            return self.value

    module = nn.Sequential(Constant(), nn.Conv2d(4, 3, 1))
    g = network_of(module, 4, 5, 5)
    g.acts(x[:2], "0").zero_()
    g.below(x[:2], "0").acts.zero_()
    assert module[0].value.min() == 1


def test_a_module_that_works_in_place_on_its_input_does_not_change_the_callers(network_of, x):
    g, before = network_of(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 3, 1)), 4, 5, 5), x.clone()
    g.forward(x)
    assert torch.equal(x, before)


def test_acts_stop_above_the_last_layer_asked_for(network_of, chain, x):
    g, ran = network_of(chain, 4, 5, 5), []
    chain[4].register_forward_hook(lambda *args: ran.append(1))
    assert list(g.acts(x, ["1", "0"])) == ["1", "0"]
    assert not ran
    g.read(x, ["1"])
    assert ran


def test_an_unknown_layer_is_refused_before_anything_runs(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    for call in (lambda: g.acts(x, "33"), lambda: g.read(x, ["33"]), lambda: g.below(x, "33")):
        with pytest.raises(ValueError, match=r"`layer` must be one of \['0', .*got '33'"):
            call()
    with pytest.raises(ValueError, match=r"Did you mean '3\.0'"):
        g.intervene("30", zero_units([0]))


def test_inputs_must_be_tensors(network_of, chain, x):
    with pytest.raises(TypeError):
        network_of(chain, 4, 5, 5).forward(x.numpy())


# Nothing is left behind


def test_train_mode_and_statistics_are_bit_identical(network_of, chain, x):
    expected = chain(x)
    chain.train()
    chain[3].eval()
    modes = [part.training for part in chain.modules()]
    state = {key: tensor.clone() for key, tensor in chain.state_dict().items()}
    g = network_of(chain, 4, 5, 5)
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


def test_buffers_that_change_in_eval_mode_are_put_back(network_of, x):
    module = Counting()
    mean, count = module.mean, module.count
    g = network_of(module, 4, 5, 5)
    assert torch.equal(g.forward(x), g.forward(x))
    assert module.mean is mean
    assert mean.tolist() == [0, 0, 0]
    assert module.count is count
    assert count == 0


def test_hooks_are_gone_after_success_and_after_a_crash(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)

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


def test_hooks_of_other_people_stay_and_are_called(network_of, chain, x):
    g, seen = network_of(chain, 4, 5, 5), []
    handle = chain[0].register_forward_hook(lambda module, args, output: seen.append(output.clone()) or output + 1)
    with g.intervene("0", zero_units([0])):
        found = g.acts(x, "0")
    assert list(chain[0]._forward_hooks) == [handle.id]
    assert torch.equal(found[:, 1:], seen[0][:, 1:] + 1)  # what flows on, after their hook


def test_gradients_of_other_peoples_weights_are_left_alone(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    with torch.enable_grad():
        assert not g.forward(x).requires_grad
    assert all(p.requires_grad and p.grad is None for p in chain.parameters())


# Interventions


def test_an_intervention_changes_what_follows_and_ends_with_the_block(network_of, chain, x):
    g, before = network_of(chain, 4, 5, 5), chain(x)
    with g.intervene("1", zero_units(range(6))):
        assert torch.equal(g.forward(x), chain[2:](torch.zeros(3, 6, 5, 5)))
        assert torch.equal(chain(x), before)  # the module itself is never changed
    assert torch.equal(g.forward(x), before)


def test_an_exception_inside_the_block_ends_the_intervention(network_of, chain, x):
    g, before = network_of(chain, 4, 5, 5), chain(x)
    with pytest.raises(KeyError), g.intervene("1", zero_units([0])):
        raise KeyError
    assert torch.equal(g.forward(x), before)


def test_interventions_nest_and_apply_in_order(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    with g.intervene("1", set_units([0], 8.0)):
        with g.intervene("1", zero_units([0], strength=0.5)), g.intervene("2", set_units([1], 3.0)):
            assert g.acts(x, "1")[:, 0].unique() == 4
            assert g.acts(x, "2")[:, 1].unique() == 3
        assert g.acts(x, "1")[:, 0].unique() == 8


def test_one_intervention_may_be_entered_twice_and_blocks_end_in_any_order(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
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


def test_an_intervention_does_not_show_in_another_thread(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    plain = g.forward(x)
    with g.intervene("1", zero_units([0, 1, 2])):
        assert torch.equal(in_thread(lambda: g.forward(x)), plain)
        context = contextvars.copy_context()
        assert torch.equal(in_thread(lambda: context.run(g.forward, x)), plain)
        assert not torch.equal(g.forward(x), plain)


def test_a_pass_waits_for_the_pass_of_another_thread(network_of, chain, x):
    """Also when another network has the module: the lock is the module's, and is held for one pass."""
    chain.train()
    plainly, editing = network_of(chain, 4, 5, 5), network_of(chain, 4, 5, 5)
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


def test_the_module_called_by_somebody_else_during_a_pass_is_not_edited(network_of, chain, x):
    g, plain, seen = network_of(chain, 4, 5, 5), chain(x), []
    with g.intervene("1", zero_units(range(6))):
        edited = g.forward(x)
        # Somebody's hook on the first part calls the whole module in a thread, before the edited part has run.
        hook = chain[0].register_forward_hook(lambda *args: handle() or seen.append(in_thread(lambda: chain(x))))
        handle = hook.remove
        assert torch.equal(g.forward(x), edited)
    assert torch.equal(seen[0], plain)


def test_only_edits_that_fit_are_taken(network_of, chain):
    g = network_of(chain, 4, 5, 5)
    with pytest.raises(ValueError, match="`units` must be below 6"):
        g.intervene("1", zero_units([6]))
    with pytest.raises(TypeError):
        g.intervene("1", "off")


def test_an_edit_that_changes_the_shape_is_refused(network_of, chain, x):
    @dataclass(frozen=True, eq=False)
    class Crop(Edit):
        def apply(self, acts):
            return acts[..., 1:]

    g = network_of(chain, 4, 5, 5)
    with pytest.raises(ValueError, match="`edit` must keep the shape"), g.intervene("1", Crop()):
        g.forward(x)


# A module called twice, tuples, wrappers


def test_a_module_called_twice_is_addressed_by_call(network_of, residual, x):
    g = network_of(residual, 4, 5, 5)
    assert [name for name in g.layers if "relu" in name] == ["relu@0", "relu@1"]
    assert g.layers["relu@1"].calls == 2
    a = residual.first(x).relu()
    assert torch.equal(g.acts(x, "relu@0"), a)
    assert torch.equal(g.acts(x, "relu@1"), residual.second(a).relu())
    with g.intervene("relu@1", zero_units(range(4))):
        assert torch.equal(g.acts(x, "relu@0"), a)
        assert torch.equal(g.forward(x), residual.last(a))
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


def test_calls_that_give_nothing_an_image_count_but_are_no_layers(network_of, x):
    g = network_of(Sometimes(), 4, 5, 5)
    assert list(g.layers) == ["part@2", "conv"]
    assert torch.equal(g.acts(x, "part@2"), x)


Both = namedtuple("Both", "image extra")


@pytest.mark.parametrize(
    "wrap",
    [lambda x: (x, "kept"), lambda x: [x, "kept"], lambda x: {"image": x, "extra": "kept"}, lambda x: Both(x, "kept")],
    ids=["tuple", "list", "dict", "namedtuple"],
)
def test_the_first_tensor_of_a_tuple_is_read_and_exchanged(network_of, x, wrap):
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

    g = network_of(Outer(), 4, 5, 5)
    assert torch.equal(g.acts(x, "inner"), x * 2)
    with g.intervene("inner", zero_units([0])):
        assert g.forward(x)[:, 0].abs().max() == 0
    state = g.below(x, "inner")
    assert torch.equal(g.above(state, state.acts + 1), x * 2 + 1)


def test_a_tuple_between_the_parts_of_a_sequence(network_of, pair, x):
    class Unpack(nn.Module):
        def forward(self, both):
            return both[0] + both[1]

    g = network_of(nn.Sequential(pair, Unpack()), 4, 5, 5)
    state = g.below(x, "0")
    assert not state.exact_skip
    assert torch.equal(g.above(state), x * 2 + x.mean())


# Copies


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))], ids=["copy", "pickle"])
def test_a_copy_is_independent(network_of, x, duplicate):
    g = network_of(nn.Sequential(nn.Conv2d(4, 3, 1), nn.ReLU()), 4, 5, 5)
    mark, output = g.fingerprint, g.forward(x)
    twin = duplicate(g)
    with torch.no_grad():
        twin.module[0].weight.zero_()
    assert g.fingerprint == mark != twin.fingerprint
    with g.intervene("0", zero_units([0])):
        twin.forward(x)
    assert torch.equal(g.forward(x), output)
