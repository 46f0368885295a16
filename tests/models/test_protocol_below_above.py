"""A pass that is split at a layer gives what the whole pass gives, also with edits, noise and gradients."""

import pytest
import torch
from torch import nn

from ganwidgets.models.edits import set_units, zero_units

# Below and above


@pytest.mark.parametrize("layer", ["0", "1", "2", "3.0", "3.1", "3", "4"])
def test_a_plain_sequence_skips_the_work_below(network_of, chain, x, layer):
    g, ran = network_of(chain, 4, 5, 5), []
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
def test_other_modules_are_run_again_exactly(network_of, residual, x, layer):
    g = network_of(residual, 4, 5, 5)
    state = g.below(x, layer)
    assert torch.equal(g.above(state), g.forward(x))
    with g.intervene(layer, set_units([1], 2.0)):
        assert torch.equal(g.above(state), g.forward(x))
    assert not state.exact_skip or layer == "last"


def test_above_takes_other_activations(network_of, residual, chain, x):
    for g in (network_of(chain, 4, 5, 5), network_of(residual, 4, 5, 5)):
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


def test_a_run_goes_on_to_a_later_layer_only(network_of, residual, chain, x):
    ran = []
    chain[4].register_forward_hook(lambda *args: ran.append(1))
    for g, layers in ((network_of(chain, 4, 5, 5), ("1", "3.0", "3", "3.1")), (network_of(residual, 4, 5, 5), None)):
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


def test_from_inside_a_sequence_a_run_goes_on_to_its_end(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    assert torch.equal(g.between(g.below(x, "3.0"), "3"), g.acts(x, "3"))


def test_a_run_does_not_go_back(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    for layer in ("0", "2"):
        with pytest.raises(ValueError, match="`layer` must finish after '2'"):
            g.between(g.below(x, "2"), layer)
    with pytest.raises(ValueError, match="`acts` must be shaped like"):
        g.between(g.below(x, "2"), "4", x[:1])
    with pytest.raises(ValueError, match="`state` must come from below"):
        network_of(chain, 4, 5, 5).between(g.below(x, "2"), "4")


def test_edits_below_stay_and_edits_above_are_those_of_now(network_of, residual, chain, x):
    for g, low, layer, high in (
        (network_of(chain, 4, 5, 5), "0", "2", "3.0"),
        (network_of(residual, 4, 5, 5), "first", "second", "pair"),
    ):
        with g.intervene(low, set_units([0], 2.0)):
            state = g.below(x, layer)
            with g.intervene(layer, zero_units([1])), g.intervene(high, set_units([2], 1.0)):
                expected = g.forward(x)
        with g.intervene(layer, zero_units([1])), g.intervene(high, set_units([2], 1.0)):
            assert torch.equal(g.above(state), expected)


def test_an_edit_of_a_sequence_around_the_layer_is_not_skipped(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    state = g.below(x, "3.0")
    with g.intervene("3", set_units([0], 5.0)):
        assert torch.equal(g.above(state), g.forward(x))


def test_a_hooked_sequence_is_not_skipped(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    chain.register_forward_hook(lambda module, args, output: output + 1)
    state = g.below(x, "2")
    assert not state.exact_skip
    assert torch.equal(g.above(state), g.forward(x))


def test_a_sequence_whose_forward_was_exchanged_is_not_skipped(network_of, chain, x):
    g, forward = network_of(chain, 4, 5, 5), chain.forward
    chain.forward = lambda x: forward(x) + 1
    state = g.below(x, "2")
    assert not state.exact_skip
    assert torch.equal(g.above(state), g.forward(x))


def test_a_sequence_with_a_forward_of_its_own_is_not_skipped(network_of, x):
    class Twice(nn.Sequential):
        def forward(self, x):
            return super().forward(x) * 2

    g = network_of(Twice(nn.Conv2d(4, 4, 1), nn.ReLU()), 4, 5, 5)
    state = g.below(x, "0")
    assert not state.exact_skip
    assert torch.equal(g.above(state), g.forward(x))


@pytest.mark.parametrize("afterwards", ["nothing", "tanh", "in place"])
def test_a_module_that_returns_what_its_last_part_gave_is_skipped(network_of, x, afterwards):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.main = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 3, 1))

        def forward(self, x):
            y = self.main(x * 2)
            return y if afterwards == "nothing" else y.tanh() if afterwards == "tanh" else y.add_(1)

    g = network_of(Wrapped(), 4, 5, 5)
    state = g.below(x, "main.1")
    assert state.exact_skip == (afterwards == "nothing")
    assert torch.equal(g.above(state), g.forward(x))
    g.module.register_forward_hook(lambda module, args, output: output * 2)
    assert torch.equal(g.above(state), g.forward(x))


def test_a_state_of_another_network_is_refused(network_of, chain, x):
    state = network_of(chain, 4, 5, 5).below(x, "1")
    with pytest.raises(ValueError, match="`state` must come from below"):
        network_of(chain, 4, 5, 5).above(state)


def test_a_module_used_twice_in_a_sequence_is_run_again(network_of, x):
    relu = nn.ReLU()
    g = network_of(nn.Sequential(relu, nn.Conv2d(4, 4, 1), relu, nn.Conv2d(4, 3, 1)), 4, 5, 5)
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
def test_noise_is_the_same_in_every_pass_and_between_below_and_above(network_of, x, kind):
    g = network_of(kind(), 4, 5, 5)
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


def test_gradients_are_off_unless_something_requires_them(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
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


def test_gradients_through_below_and_above_are_those_of_the_whole(network_of, residual, chain, x):
    for g, layer in ((network_of(chain, 4, 5, 5), "2"), (network_of(residual, 4, 5, 5), "second")):
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


def test_gradients_reach_an_edit_that_is_being_optimised(network_of, chain, x):
    g = network_of(chain, 4, 5, 5)
    strength = torch.tensor(0.5, requires_grad=True)
    state = g.below(x, "1")
    with g.intervene("1", zero_units([0, 1], strength)):
        (of_above,) = torch.autograd.grad(g.above(state).square().sum(), strength)
        (of_whole,) = torch.autograd.grad(g.forward(x).square().sum(), strength)
    torch.testing.assert_close(of_above, of_whole)
    assert of_above != 0
