"""How far a photo is, how editable, and how well a network finds its own pictures: known on paper first."""

from types import SimpleNamespace

import pytest
import torch

from ganwidgets.testing import planted_linear_generator

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def linear():
    return planted_linear_generator()


@pytest.fixture(scope="module")
def noise():
    """A picture it cannot draw."""
    return torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_noise_is_far_from_what_the_network_draws_and_its_own_pictures_are_not(linear, noise):
    from ganwidgets.invert import invert, judge

    far = judge(linear, invert(linear, noise, "ridge+z", steps=20), n=8).verdict
    assert far.share == 0 and far.far and far.n == 8 and "far from" in far.sentence
    own = invert(linear, linear.images(linear.sample_z(1, 5))[0], "ridge+z", steps=20)
    near = judge(linear, own, n=8).verdict
    assert not near.far or near.psnr > 35
    assert near.median_psnr == far.median_psnr > far.psnr + 10


def test_a_search_that_was_stopped_before_it_began_is_not_judged(linear, noise):
    from ganwidgets.invert import inverting, judge

    search = inverting(linear, noise, "ridge+z", steps=20)
    next(search)
    found = search.send(True).inversion
    assert (found.stopped, found.steps, found.total_steps) == ("cancelled", 0, 20)
    with pytest.raises(ValueError, match="`inversion` must be of a search that began"):
        judge(linear, found, n=4)


def test_a_judgement_is_kept_and_then_immediate(linear, noise, own_cache, monkeypatch):
    from ganwidgets.invert import invert, judge, verdict

    found = invert(linear, noise, "ridge+z", steps=7)
    assert found.verdict is None
    first = judge(linear, found, n=4)
    files = list(own_cache.rglob("*.errors.safetensors"))

    def never(*args, **options):
        raise AssertionError("searched again")

    monkeypatch.setattr(verdict, "searching", never)
    monkeypatch.setattr(verdict, "_memory", {})
    assert judge(linear, found, n=4).verdict == first.verdict
    assert len(files) >= 1
    with pytest.raises(AssertionError, match="searched again"):
        judge(linear, found, n=5)


def test_a_judgement_goes_step_by_step_and_can_be_left(linear, noise):
    from ganwidgets.invert import invert, judging

    found = invert(linear, noise, "ridge+z", steps=5)
    states = list(judging(linear, found, n=3, cache=False))
    assert [state.inversion is None for state in states] == [True] * (len(states) - 1) + [False]
    done = [state.done for state in states]
    assert done == sorted(done) and done[-1] == 1 and len(states) > 3


def test_own_pictures_are_searched_for_from_as_many_starts(linear, monkeypatch):
    from ganwidgets.invert import invert, judge, verdict

    photo, asked = linear.images(linear.sample_z(1, 5))[0], []

    def searching(network, images, strategy, *, starts, **options):
        asked.append((len(images), starts))
        start, picture = torch.arange(starts)[:, None], torch.arange(len(images))
        loss, psnr = (start - 2.0).abs() + 0 * picture, 10.0 * start + picture  # the third start comes nearest
        yield SimpleNamespace(step=1, total=1, loss=loss.flatten(), psnr=psnr.flatten())

    found = {starts: invert(linear, photo, "z", steps=1, starts=starts) for starts in (1, 6)}
    monkeypatch.setattr(verdict, "searching", searching)
    verdicts = {starts: judge(linear, one, n=8).verdict for starts, one in found.items()}
    assert found[6].starts == 6 and asked == [(8, 1), (5, 6), (3, 6)], "no more pictures at once than fit"
    assert verdicts[1].median_psnr == 3.0, "0 to 7"
    assert verdicts[6].median_psnr == 21.0, "20 to 24, and 20 to 22; kept apart from those of one start"


def test_own_pictures_are_compared_as_the_photo_was(linear, noise):
    from ganwidgets.invert import Losses, invert, judge
    from ganwidgets.invert.losses import label

    coarse = Losses(pyramid=2)
    found = invert(linear, noise, "ridge+z", steps=5, losses=coarse)
    assert found.losses == label(coarse) == "pyramid 2" and label(Losses()) == label(None) == "usual"
    assert label(Losses(features={"mine": torch.sin}, feature_weight=1)) == "feature_weight 1; features mine"
    with pytest.raises(ValueError, match=r"`losses` must be those of the search \(pyramid 2\), got usual"):
        judge(linear, found, n=3)
    with pytest.raises(ValueError, match=r"of the search \(usual\), got pyramid 2"):
        judge(linear, invert(linear, noise, "ridge+z", steps=5), n=3, losses=coarse)
    assert judge(linear, found, n=3, losses=Losses(pyramid=2)).verdict.n == 3


def test_another_network_judges_nothing(linear, noise):
    from ganwidgets.invert import invert, judge

    found = invert(linear, noise, "ridge", steps=0)
    with pytest.raises(ValueError, match="the one the photo was inverted in"):
        judge(planted_linear_generator(z=5), found)
    with pytest.raises(ValueError, match="at least 2"):
        judge(linear, found, n=1)
    with pytest.raises(ValueError, match="`strategy` must be given"):
        judge(linear, found.replaced(strategy="mine"))


def test_the_place_among_own_pictures_is_a_share():
    from ganwidgets.invert.verdict import verdict_of

    own = torch.tensor([30.0, 32.0, 34.0, 36.0])
    assert verdict_of(33.0, own).share == 0.5 and verdict_of(50.0, own).share == 1.0
    assert verdict_of(20.0, own).median_psnr in (32.0, 33.0)


def test_mahalanobis_distances_of_a_known_cloud():
    from ganwidgets.invert.statistics import Cloud

    rows = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10.0, 0.1]) + 5
    cloud = Cloud(rows)
    at = torch.tensor([[5.0, 5.0, 5.0], [8.0, 5.0, 5.0], [5.0, 35.0, 5.0]])
    assert cloud.distance(at).tolist() == pytest.approx([0, 3 / 3**0.5, 3 / 3**0.5], abs=0.05)
    assert cloud.farther(0.0) == 1 and cloud.farther(99.0) == 0
    assert cloud.farther(float(cloud.own.median())) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("d, n", [(512, 128), (512, 1024), (256, 128), (128, 1024), (6, 200)])
@pytest.mark.parametrize("spread", ["alike", "uneven"])
def test_fresh_rows_lie_where_the_clouds_own_do_however_many_columns_there_are(d, n, spread):
    from ganwidgets.invert.statistics import Cloud

    draw = torch.Generator().manual_seed(d)
    mix = torch.eye(d)
    if spread == "uneven":  # some directions a hundred times as wide, and columns that go together
        mix = torch.logspace(-1, 1, d)[:, None] * torch.linalg.qr(torch.randn(d, d, generator=draw))[0]
    cloud, fresh = (Cloud(torch.randn(rows, d, generator=draw) @ mix + 3) for rows in (n, 400))
    shares = torch.tensor([cloud.farther(float(away)) for away in cloud.distance(fresh.rows)])
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.11)  # ± 2.6 of 1 / √(12 · 64 rows to compare with)
    assert float((shares < 0.05).float().mean()) < 0.12
    far = cloud.distance((fresh.rows - 3) * 3 + 3)
    assert float(far.median()) > float(cloud.own.max())


def test_the_alarm_goes_off_for_one_own_picture_in_twenty():
    """Both distances together: fresh latents and activations, as unusual as any, get it as often as is said."""
    from ganwidgets.invert.statistics import Cloud
    from ganwidgets.results.inversion import Editability

    draw = torch.Generator().manual_seed(3)
    rows = torch.randn(2048, 100, generator=draw)
    latents, acts = Cloud(rows[:1024]), Cloud((rows[:1024, :60]).exp())
    away, out = latents.distance(rows[1024:]), acts.distance(rows[1024:, :60].exp())
    found = [
        Editability(1.0, latents.farther(float(a)), 1.0, acts.farther(float(b)), 512)
        for a, b in zip(away, out, strict=True)
    ]
    assert float(torch.tensor([not one.usual for one in found]).float().mean()) == pytest.approx(0.05, abs=0.025)
    alone = [Editability(1.0, latents.farther(float(a)), None, None, 512) for a in away]
    assert float(torch.tensor([not one.usual for one in alone]).float().mean()) == pytest.approx(0.05, abs=0.025)


def test_own_samples_of_the_bundled_world_are_editable_and_far_ones_are_not():
    import ganwidgets as gw
    from ganwidgets.invert.statistics import editability

    network = gw.load("scenes")
    z = network.sample_z(60, 5)
    found = [editability(network, "z", "layer4", part, network.acts(part, "layer4")) for part in z.split(1)]
    assert sum(not one.usual for one in found) <= 9  # of 3 expected
    assert sum(one.latent_share for one in found) / 60 == pytest.approx(0.5, abs=0.15)
    assert sum(one.acts_share for one in found) / 60 == pytest.approx(0.5, abs=0.15)
    assert not any(editability(network, "z", "layer4", part * 3, None).usual for part in z.split(1))


def test_a_cloud_of_fewer_rows_than_columns_and_one_that_never_varies():
    from ganwidgets.invert.statistics import Cloud

    few = Cloud(torch.randn(10, 30, generator=torch.Generator().manual_seed(0)))
    assert few.distance(few.rows).isfinite().all()
    still = Cloud(torch.ones(5, 4))
    assert still.distance(torch.ones(1, 4)).tolist() == [0]


def test_a_usual_latent_is_editable_and_one_far_out_is_not(linear):
    from ganwidgets.invert.statistics import editability

    z = linear.sample_z(1, 5)
    usual = editability(linear, "z", "1", z, linear.acts(z, "1"))
    out = editability(linear, "z", "1", z * 9, linear.acts(z * 9, "1"))
    assert usual.latent_share > 0.05 and usual.acts_share > 0.05 and "Edits should work" in usual.sentence
    assert out.latent_share == out.acts_share == 0 and "may not work" in out.sentence
    assert out.latent > 3 * usual.latent


def test_own_pictures_of_a_linear_network_are_found_with_all_they_were_made_of(linear):
    from ganwidgets.invert import self_inversion

    found = self_inversion(linear, "ridge+z", n=4, steps=60, layer="1")
    assert (found.psnr > 35).all() and (found.latent > 0.99).all() and (found.acts > 0.99).all()
    assert (found.image > 0.99).all() and float(found.acts_chance.max()) < 0.9
    assert found.ratio == 96 / 768 and found.n == 4 and found.steps <= 60
    assert "n = 4" in repr(found) and "0.12 of a picture's numbers" in repr(found)


def test_pictures_that_starts_learn_from_are_no_test(linear):
    from ganwidgets.invert import self_inversion
    from ganwidgets.invert.sample import SEED

    with pytest.raises(ValueError, match="would know them"):
        self_inversion(linear, seed=SEED)


def test_layered_searches_find_the_bundled_world_again():
    """A few steps: far above what the regression alone gives, and the edit layer found."""
    import ganwidgets as gw

    network = gw.load("scenes")
    found = gw.invert.self_inversion(network, n=2, steps=25, seed=7)
    start = gw.invert.self_inversion(network, "ridge", n=2, seed=7)
    assert (found.psnr > start.psnr + 5).all() and float(found.acts.min()) > 0.9 > float(found.acts_chance.max()) + 0.3
    assert found.layer == "layer4" and found.ratio < 1


@pytest.mark.parametrize(("n", "columns"), [(200, 10), (60, 100)])
def test_distances_are_those_of_the_whole_shrunk_covariance(n, columns):
    from ganwidgets.invert.statistics import Cloud
    from ganwidgets.nn.shrinkage import ledoit_wolf

    random = torch.Generator().manual_seed(1)
    mixed = torch.randn(columns, columns, generator=random)
    rows, new = (torch.randn(k, columns, generator=random) @ mixed for k in (n, 7))
    half = rows[: n // 2].double()
    spread, mean = torch.std_mean(half, 0)
    covariance = torch.from_numpy(ledoit_wolf(((half - mean) / spread).numpy())[0])
    away = (new.double() - mean) / spread
    wanted = ((away @ covariance.inverse() * away).sum(1) / columns).sqrt()
    assert torch.allclose(Cloud(rows).distance(new), wanted, rtol=1e-9)


def test_latents_of_many_numbers_need_no_matrix_of_all_of_them():
    from ganwidgets.invert.statistics import Cloud

    random = torch.Generator().manual_seed(1)
    cloud = Cloud(torch.randn(64, 300_000, generator=random))  # all columns squared would be 720 GB
    new = torch.randn(4, 300_000, generator=random)
    assert torch.allclose(cloud.distance(new), torch.ones(4, dtype=torch.float64), atol=0.2)
    assert float(cloud.distance(new * 3).min()) > 2
