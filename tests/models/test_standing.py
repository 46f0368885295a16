"""Edits that always stand are the same edits as interventions, in every thread, and the first network knows nothing."""

import threading

import pytest
import torch


@pytest.fixture(scope="module")
def edits():
    from ganwidgets.models import zero_units
    from ganwidgets.models.map_edits import add_map, scale_map

    random = torch.Generator().manual_seed(0)
    return [
        ("layer1", add_map(torch.randn(8, 16, 16, generator=random) * 0.1)),
        ("layer2", scale_map(-torch.rand(1, 16, 16, generator=random) / 2)),
        ("layer2", zero_units([1])),
    ]


@pytest.fixture
def pair(planted, edits):
    from ganwidgets.models.standing import with_edits

    return planted, with_edits(planted, edits)


def test_it_draws_what_interventions_draw(pair, edits):
    first, second = pair
    z, plain = first.sample_z(3), first.images(first.sample_z(3))
    with first.intervene(*edits[0]), first.intervene(*edits[1]), first.intervene(*edits[2]):
        wanted, acts = first.images(z), first.acts(z, "layer2")
    assert torch.equal(second.images(z), wanted)
    assert torch.equal(second.acts(z, "layer2"), acts)
    assert torch.equal(second.read(z, ["layer2"])[1]["layer2"], acts)
    assert torch.equal(first.images(z), plain)
    assert not torch.equal(wanted, plain)


@pytest.mark.parametrize("layer", ["layer1", "layer2", "colour"])
def test_below_and_above_make_one_pass(pair, layer):
    _, second = pair
    z = second.sample_z(3)
    state = second.below(z, layer)
    assert state.exact_skip
    assert torch.equal(second.above(state), second.images(z))


def test_between_carries_them(pair):
    _, second = pair
    z = second.sample_z(2)
    assert torch.equal(second.between(second.below(z, "layer1"), "layer2"), second.acts(z, "layer2"))


def test_an_edit_around_the_layer_costs_the_shortcut(planted):
    from torch import nn

    from ganwidgets.models import TorchGenerator, zero_units
    from ganwidgets.models.standing import with_edits

    block = nn.Sequential(nn.Conv2d(4, 8, 1), nn.ReLU())
    network = TorchGenerator(nn.Sequential(block, nn.Conv2d(8, 3, 1)), z_shape=(4, 5, 5))
    second = with_edits(network, [("0", zero_units([2]))])
    state = second.below(z := second.sample_z(2), "0.0")
    assert not state.exact_skip
    assert network.below(z, "0.0").exact_skip
    assert torch.equal(second.above(state), second.images(z))


def test_what_a_thread_adds_comes_on_top(pair, edits):
    from ganwidgets.models import set_units

    first, second = pair
    z = first.sample_z(2)
    with second.intervene("layer2", set_units([1], 5.0)):  # the standing edit had set it to zero
        assert (second.acts(z, "layer2")[:, 1] == 5).all()
    assert (second.acts(z, "layer2")[:, 1] == 0).all()


def test_interventions_of_one_do_not_show_in_the_other(pair):
    from ganwidgets.models import set_units

    first, second = pair
    z = first.sample_z(2)
    wanted, plain = second.images(z), first.images(z)
    with first.intervene("layer2", set_units([0], 9.0)):
        assert torch.equal(second.images(z), wanted)
    with second.intervene("layer2", set_units([0], 9.0)):
        assert torch.equal(first.images(z), plain)


def test_they_share_module_and_lock_and_stand_in_every_thread(pair):
    first, second = pair
    assert second.module is first.module
    assert second._lock is first._lock
    z, found = first.sample_z(4), {}
    wanted = {"first": first.images(z), "second": second.images(z)}

    def draw(name, network):
        found[name] = all(torch.equal(network.images(z), wanted[name]) for _ in range(20))

    threads = [threading.Thread(target=draw, args=pair) for pair in (("first", first), ("second", second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"first": True, "second": True}


def test_the_fingerprint_tells_the_edits(planted, edits):
    from ganwidgets.models import zero_units
    from ganwidgets.models.map_edits import scale_map
    from ganwidgets.models.standing import with_edits

    one = with_edits(planted, edits)
    assert one.fingerprint == with_edits(planted, edits).fingerprint
    assert one.weights_fingerprint == planted.weights_fingerprint
    others = [
        planted,
        with_edits(planted, edits[:2]),
        with_edits(planted, [edits[0], edits[2], edits[1]]),
        with_edits(planted, [edits[0], ("layer1", edits[1][1]), edits[2]]),
        with_edits(planted, [*edits[:2], ("layer2", zero_units([2]))]),
        with_edits(planted, [edits[0], ("layer2", scale_map(edits[1][1].d * 2)), edits[2]]),
    ]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 7


def test_standing_on_standing(planted, edits):
    from ganwidgets.models.standing import with_edits

    z = planted.sample_z(2)
    twice = with_edits(with_edits(planted, edits[:1]), edits[1:], name="both")
    assert torch.equal(twice.images(z), with_edits(planted, edits).images(z))
    assert twice.name == "both"
    assert planted.standing == ()


def test_gradients_of_what_stands(planted):
    from ganwidgets.models.map_edits import scale_map
    from ganwidgets.models.standing import with_edits

    d = torch.zeros(1, 16, 16, requires_grad=True)
    second = with_edits(planted, [("layer2", scale_map(d))])
    z = second.sample_z(2)
    state = second.below(z, "layer1", grad=False)
    for images in (second.images(z, clamp=False), second.above(state, clamp=False)):
        d.grad = None
        images.sum().backward()
        assert d.grad.any()
    assert not planted.images(z).requires_grad


def test_it_refuses_what_interventions_refuse(planted):
    from ganwidgets.models import zero_units
    from ganwidgets.models.map_edits import add_map
    from ganwidgets.models.standing import with_edits

    with pytest.raises(ValueError, match="layer9"):
        with_edits(planted, [("layer9", zero_units([0]))])
    with pytest.raises(ValueError, match="shaped like the layer"):
        with_edits(planted, [("layer1", add_map(torch.zeros(3, 16, 16)))])
    with pytest.raises(TypeError):
        with_edits(planted, [("layer1", "zero")])


def test_they_are_not_lost_on_export(pair, tmp_path):
    from ganwidgets.models import export_weights

    with pytest.raises(ValueError, match="edits of 'layer1' stand in it"):
        export_weights(pair[1], tmp_path / "weights.safetensors")
