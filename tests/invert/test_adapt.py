"""Adaptation: a known map is found, what is released is exactly as before, and the network never knows."""

import pytest
import torch


@pytest.fixture(scope="module")
def late():
    from ganwidgets.testing.planted_late import planted_late_generator

    return planted_late_generator()


@pytest.fixture(scope="module")
def photo(late):
    from ganwidgets.testing.planted_late import planted_late_photo

    return planted_late_photo(late)


@pytest.fixture(scope="module")
def redder(late):
    """A photo that a change of one weight explains: all of its red is stronger."""
    from ganwidgets.testing.planted_late import planted_late_photo

    return planted_late_photo(late, rows=16)


@pytest.fixture(scope="module")
def maps(late, photo):
    from ganwidgets.invert import adapt

    return adapt(late, photo, form="maps", steps=60, rate=0.03)


def test_the_planted_map_is_found(late, photo, maps):
    from ganwidgets.testing.planted import RED

    assert maps.before.psnr < 25
    assert maps.errors.psnr > 40
    d = maps.scales["layer2"][RED]
    assert torch.allclose(d[:8, :8], torch.tensor(0.5), atol=0.05)  # the upper half of the red, which is on the left
    assert not d[:, 8:].any()  # no red there: nothing to multiply, and nothing that changes
    assert d[8:].abs().max() < 0.05
    assert not maps.weights
    assert maps.locality.mean == 0


def test_inverted_draws_what_the_adaptation_says(late, photo, maps):
    from ganwidgets.invert import inputs_of, inverted

    adapted = inverted(late, found := photo.with_adaptation(maps))
    assert torch.allclose(adapted.images(inputs_of(late, found))[0], maps.image, atol=1e-6)
    assert adapted.fingerprint != late.fingerprint
    plain = inverted(late, found, adapted=False)
    assert torch.equal(plain.images(found.latent)[0], photo.reconstruction)


def test_what_is_released_is_exactly_as_before(late, photo, maps):
    from ganwidgets.invert import inverted

    released = torch.zeros(32, 32)
    released[:8] = 1
    found = photo.with_adaptation(maps)
    image = inverted(late, found, released=released).images(found.latent)[0]
    assert torch.equal(image[:, :8], photo.reconstruction[:, :8])
    assert torch.allclose(image[:, 8:], maps.image[:, 8:], atol=1e-6)


def test_weights_are_low_rank_and_priced(late, redder):
    from ganwidgets.invert import adapt

    made = adapt(late, redder, form="weights", steps=60, rank=2)
    assert made.rank == 2
    assert set(made.weights) <= {"layer2.1.weight", "layer3.1.weight"}
    assert made.errors.psnr > made.before.psnr
    assert made.drift.keys() == made.weights.keys()
    assert all(0 < size < 1 for size in made.drift.values())
    assert len(made.locality.change) == 8
    assert made.locality.mean > 0
    assert "8 other pictures" in made.locality.sentence
    assert not made.scales


def test_both_parts_and_what_is_told(late, redder):
    from ganwidgets.invert import adapting

    frames = list(adapting(late, redder, steps=12))
    assert [frame.step for frame in frames if frame.part == "weights"] == list(range(13))
    last = frames[-1]
    assert (last.part, last.stopped, last.step, last.total) == ("maps", "steps", 24, 24)
    assert last.adaptation.errors.psnr == pytest.approx(last.psnr, abs=0.01)
    assert last.adaptation.curve.shape == (len(frames), 3)
    assert frames[3].remaining > 0
    assert last.remaining == 0
    psnrs = [frame.psnr for frame in frames if frame.part == "maps"]
    assert psnrs[-1] > psnrs[0]


def test_the_network_stays_as_it_is_whenever_one_stops(late, photo):
    from ganwidgets.invert import adapting

    before = {name: tensor.clone() for name, tensor in late.module.state_dict().items()}
    z, fingerprint = late.sample_z(3), late.fingerprint
    images = late.images(z)
    for stop in (0, 3, 17):
        run = adapting(late, photo, steps=10)
        frames = [frame for frame, _ in zip(run, range(stop + 1), strict=False)]
        run.close()
        made = frames[-1].adaptation
        assert made.stopped == "cancelled"
        assert torch.equal(late.images(z), images)
    after = late.module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert late.fingerprint == fingerprint
    assert not any(part.requires_grad for part in late.module.parameters())


def test_the_same_seed_gives_the_same_numbers(late, photo):
    from ganwidgets.invert import adapt

    first, second = (adapt(late, photo, steps=5) for _ in range(2))
    assert all(torch.equal(first.scales[name], second.scales[name]) for name in first.scales)
    assert all(torch.equal(first.weights[name].u, second.weights[name].u) for name in first.weights)


def test_time_limit_and_progress(late, photo):
    from ganwidgets.invert import adapt

    told = []
    made = adapt(late, photo, steps=100_000, time_limit=0.2, progress=told.append)
    assert made.stopped in ("time", "plateau")
    assert made.seconds < 3
    assert told[-1] == 1.0

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt(late, photo, steps=5, progress=stop)


def test_a_photo_that_is_exact_already_stays_so(late, photo):
    from ganwidgets.invert import adapt

    exact = photo.replaced(image=photo.reconstruction)
    made = adapt(late, exact, steps=10)
    assert made.errors.psnr == 100
    assert not made.weights
    assert not any(d.any() for d in made.scales.values())


def test_it_works_where_gradients_are_off(late, photo):
    from ganwidgets.invert import adapt, refine_edit
    from ganwidgets.models import zero_units

    with torch.no_grad():
        assert adapt(late, photo, steps=5).steps == 10
        assert refine_edit(late, photo, [("layer1", zero_units([1]))], torch.ones(4, 4), steps=2).step == 2


def test_what_cannot_be_adapted(late, photo, planted):
    from ganwidgets.invert import adapt

    with pytest.raises(ValueError, match="invert it again"):
        adapt(planted, photo)
    with pytest.raises(ValueError, match="finer maps after 'layer3'"):
        adapt(late, photo.replaced(layer="layer3"), form="maps")
    with pytest.raises(ValueError, match="`form` must be one of"):
        adapt(late, photo, form="latent")
    with pytest.raises(ValueError, match="must be positive"):
        adapt(late, photo, rate=0)
    with pytest.raises(ValueError, match="`steps` must be at least 1"):
        adapt(late, photo, steps=0)
    bad = photo.replaced(residuals={"layer1": torch.full((6, 8, 8), 3e38)})
    with pytest.raises(ValueError, match="finite"):
        adapt(late, bad)


def test_a_network_without_gradients_is_told(photo):
    from torch import nn

    from ganwidgets.invert import adapt
    from ganwidgets.models import TorchGenerator
    from ganwidgets.testing.planted_late import planted_late_generator

    class Cut(nn.Module):
        def forward(self, x):
            return x.detach()

    module = planted_late_generator().module
    module.colour = nn.Sequential(Cut(), module.colour)
    network = TorchGenerator(module, z_shape=(4,))
    found = photo.replaced(network_fingerprint=network.fingerprint)
    with pytest.raises(ValueError, match="let gradients through"):
        adapt(network, found, steps=2)


def test_the_bundled_world_gets_nearer():
    import ganwidgets as gw
    from ganwidgets.results.inversion import errors_between

    network = gw.load("scenes")
    z = network.sample_z(1, 5)
    photo, rough = network.images(network.sample_z(1, 6))[0] * 0.1 + network.images(z)[0] * 0.9, network.images(z)[0]
    found = gw.invert.Inversion(
        photo, z, "z", None, {}, rough, "planted", "layer4", 1, 0, 0.0, "steps", torch.zeros(1, 3),
        errors_between(rough, photo), network.name, network.fingerprint, "0" * 64,
    )  # fmt: skip
    made = gw.invert.adapt(network, found, steps=12)
    assert list(made.scales) == ["layer6", "layer8"]
    assert list(made.weights) == ["layer6.conv.weight", "layer8.conv.weight"]
    assert made.errors.psnr > made.before.psnr + 1


@pytest.mark.parametrize("form", ["weights", "maps", "weights+maps"])
def test_a_step_into_infinity_ends_with_the_best_before(late, photo, form):
    from ganwidgets.invert import adapt

    made = adapt(late, photo, form=form, rate=1e30, steps=8)
    assert made.stopped == "not finite"
    assert made.errors.psnr >= made.before.psnr
    assert made.image.isfinite().all()
