"""One unit draws what the data never show; another picks good but unusual pictures; some do nothing."""

import numpy as np
import pytest
import torch
from torch import nn

NIGHT, SMEAR, DEAD = range(3)
IDLE, UNITS = (3, 4, 5), 14
NEVER = 5  # idle, and never above 0
SIZE, DEPTH = 16, 13


class Gates(nn.Module):
    """z to maps: night in 3 of 10 pictures, smear in 1 of 10, three units nothing looks at, eight that draw scenery."""

    def __init__(self):
        super().__init__()
        maps = torch.from_numpy(np.random.RandomState(0).standard_normal((UNITS, SIZE, SIZE)).astype(np.float32))
        maps[6:10] = nn.functional.avg_pool2d(maps[6:10], 5, 1, 2) * 4  # half of the scenery is smooth, half is rough
        rows, columns = torch.arange(SIZE)[:, None], torch.arange(SIZE)
        maps[NIGHT], maps[SMEAR], maps[DEAD] = 1.0, ((rows + columns) % 2 * (rows > 7)).float(), 0.0
        maps[NEVER] = -1.0
        self.register_buffer("maps", maps)

    def forward(self, z):
        gates = torch.stack([z[:, 0] > 0.52, z[:, 1] > 1.28, z[:, 1] > 9], 1).to(z)
        return torch.cat([gates, z[:, 2:5].exp(), z[:, 5:]], 1)[:, :, None, None] * self.maps


class Picture(nn.Module):
    """Grey with scenery, dark at night, white where it is smeared."""

    def forward(self, acts):
        tint = torch.tensor([1.0, 0.8, 0.6]).reshape(3, 1, 1)
        scenery = acts[:, 6:].sum(1, keepdim=True)
        picture = (0.1 - 0.4 * acts[:, [NIGHT]] + 0.04 * scenery) * tint + 0.4 * acts[:, [SMEAR]]
        return picture.clamp(-1, 1)


def generator(name="smeared"):
    from ganwidgets.models import TorchGenerator

    module = nn.Sequential()
    module.add_module("layer1", Gates())
    module.add_module("picture", Picture())
    return TorchGenerator(module.eval(), z_shape=(DEPTH,), name=name)


@pytest.fixture(scope="module")
def smeared():
    return generator()


@pytest.fixture(scope="module")
def real(smeared):
    """The data: the same world, other latents, nothing smeared."""
    from ganwidgets.models import zero_units

    with smeared.intervene("layer1", zero_units([SMEAR])):
        return smeared.images(smeared.sample_z(400, seed=9))


@pytest.fixture(scope="module")
def same_world(smeared):
    """Other data: the same world, other latents, with its smears."""
    return smeared.images(smeared.sample_z(400, seed=9))


def find(network, **options):
    from ganwidgets.ablate.artifacts import find_artifact_units

    return find_artifact_units(network, "layer1", **{"n": 400, "top_k": 25} | options)


def remove(network, units, z, **options):
    from ganwidgets.ablate.artifact_removal import removal_effect

    return removal_effect(network, "layer1", units, z, **{"n_random_sets": 6} | options)


@pytest.fixture(scope="module")
def found(smeared, real):
    return find(smeared, real=real)


@pytest.mark.parametrize("by", ["distance", "strangeness"])
def test_the_unit_that_draws_the_artifact_is_first_and_idle_units_are_no_suspects(found, by):
    assert found.ranking(by)[0] == found.suspects(by)[0] == SMEAR
    assert not {*IDLE, DEAD} & set(found.suspects(by))


def test_a_unit_that_picks_good_pictures_is_far_from_the_average_but_not_strange(found):
    assert NIGHT in found.suspects("distance")
    assert found.suspects("strangeness") == (SMEAR,)
    # The smear differs from every picture of the data, a night has a night beside it.
    assert found.strangeness[SMEAR] > 1.5 * found.chance_strangeness.max()


def test_rarity_is_one_less_the_share_of_pictures_with_the_unit_on(smeared, found):
    z = smeared.sample_z(found.n, found.seed)
    on = [(z[:, 0] > 0.52).float().mean(), (z[:, 1] > 1.28).float().mean()]
    assert found.rarity[[NIGHT, SMEAR]] == pytest.approx([1 - float(share) for share in on])
    # A log-normal activation: E[x]² / E[x²] = exp(−1), in the large.
    assert found.rarity[IDLE[0]] == pytest.approx(1 - np.exp(-1), abs=0.12)


def test_a_dead_unit_has_no_value_and_comes_last(found):
    for by in ("distance", "strangeness", "rarity"):
        assert np.isnan(getattr(found, by)[DEAD])
        assert found.ranking(by)[-1] == (NEVER if by == "rarity" else DEAD)
    assert np.isnan(found.rarity[NEVER]) and np.isfinite(found.distance[NEVER])


def test_few_pictures_look_far_so_chance_is_that_of_sets_of_the_same_size(smeared, found, same_world):
    """Pictures from the very distribution of the data are not at distance 0, but where random sets are."""
    many = find(smeared, real=same_world, top_k=200)
    few = find(smeared, real=same_world)
    assert few.chance_distance.mean() > 3 * many.chance_distance.mean()
    low, high = np.quantile(few.chance_distance, [0.001, 0.999])
    assert all(low < few.distance[unit] < high for unit in IDLE)
    assert len(few.chance_distance) == 50 * UNITS


def test_what_the_data_show_as_well_is_no_artifact(smeared, same_world):
    """Smears and nights are still selected pictures, far from the average, but no stranger than others."""
    known = find(smeared, real=same_world)
    assert {SMEAR, NIGHT} < set(known.suspects("distance"))
    assert not {SMEAR, NIGHT} & set(known.suspects("strangeness"))


def test_the_level_holds_for_the_highest_of_all_units(found):
    highest = np.random.RandomState(0).choice(found.chance_distance, (4000, 13)).max(1)  # 13 of 14 units live
    assert (highest <= found.level("distance")).mean() == pytest.approx(0.95, abs=0.02)


def test_top_pictures_are_those_of_the_latents_that_activate_the_unit_most(smeared, found):
    from ganwidgets.ablate.artifacts import top_pictures
    from ganwidgets.nn.images import to_uint8

    z = smeared.sample_z(found.n, found.seed)
    assert (z[found.top[SMEAR], 1] > 1.28).all()
    assert found.top[IDLE[0]].tolist() == z[:, 2].argsort(descending=True)[:25].tolist()
    shown = top_pictures(found, smeared, [IDLE[0], SMEAR, IDLE[1]], count=20)
    assert shown.images.shape == (3, 20, SIZE, SIZE, 3) and shown.maps.shape == (3, 20, SIZE, SIZE)
    for row, unit in enumerate((IDLE[0], SMEAR, IDLE[1])):
        wanted = z[found.top[unit, :20]]
        np.testing.assert_array_equal(shown.images[row], to_uint8(smeared.images(wanted)))
        np.testing.assert_array_equal(shown.maps[row], smeared.acts(wanted, "layer1")[:, unit].numpy())


def test_batches_do_not_matter(smeared, real, found, monkeypatch):
    from ganwidgets.ablate import artifacts
    from ganwidgets.nn import features

    for module in (artifacts, features):
        monkeypatch.setattr(module, "BATCH", 7)
    other = find(smeared, real=iter(real.split(50)))
    np.testing.assert_allclose(other.distance, found.distance, rtol=1e-4)
    np.testing.assert_allclose(other.strangeness, found.strangeness, rtol=1e-4)
    np.testing.assert_array_equal(other.top, found.top)


def test_any_function_of_images_serves_as_features(smeared, real):
    for features in (lambda images: images.mean((2, 3)), lambda images: (images - images.mean((2, 3), True)).abs()):
        assert find(smeared, real=real, features=features, n_random_sets=200).ranking()[0] in (SMEAR, NIGHT)


def test_the_frame_starts_with_the_farthest_unit_and_says_what_chance_does(found):
    frame = found.to_frame()
    assert frame["unit"].tolist() == list(found.ranking()) and frame["unit"][0] == SMEAR
    assert frame["distance"][0] == found.distance[SMEAR] and frame["rarity"][0] == found.rarity[SMEAR]
    assert (frame["distance_chance"] < frame["distance_level"]).all()
    assert (frame["strangeness_chance"] < frame["strangeness_level"]).all()


def test_progress_never_goes_back_ends_at_one_and_can_stop_the_search(smeared, real):
    told = []
    find(smeared, real=real, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0

    def stop(done):
        if done > 0.3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        find(smeared, real=real, progress=stop)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 1}, "`top_k` must be from 2 to n = 400, got 1"),
        ({"top_k": 401}, "`top_k` must be from 2 to n = 400, got 401"),
        ({"n_random_sets": 0}, "`n_random_sets` must be at least 1, got 0"),
        ({"real": torch.zeros(3, 3, SIZE, SIZE)}, "`real` must hold at least 4 images, got 3"),
        ({"real": torch.zeros(0, 3, SIZE, SIZE)}, "`real` must hold at least 4 images, got 0"),
        ({"real": torch.zeros(9, 3, 8, 8)}, r"`real` must hold images \(n, 3, 16, 16\).* got \(9, 3, 8, 8\)"),
        ({"real": torch.full((9, 3, SIZE, SIZE), 255.0)}, r"`real` must lie in \[-1, 1\]; divide 8-bit images"),
        ({"real": [torch.zeros(9, 1, SIZE, SIZE)]}, r"`real` must hold images .* got \(9, 1, 16, 16\)"),
    ],
)
def test_bad_input_is_one_sentence(smeared, real, options, message):
    with pytest.raises(ValueError, match=message):
        find(smeared, **{"real": real} | options)


def test_pictures_of_another_generator_or_unit_are_refused(planted, smeared, found):
    from ganwidgets.ablate.artifacts import top_pictures

    with pytest.raises(ValueError, match=r"`network` must be the generator 'smeared' .* got 'planted'"):
        top_pictures(found, planted, [0])
    with pytest.raises(ValueError, match=r"`units` must be below 14, .* got 14"):
        top_pictures(found, smeared, [14])
    with pytest.raises(ValueError, match=r"`by` must be one of .* got 'fid'"):
        found.ranking("fid")
    with pytest.raises(ValueError, match=r"`by` must be one of .* got 'rarity'"):
        found.suspects("rarity")


@pytest.fixture(scope="module")
def removed(smeared, real):
    return remove(smeared, [IDLE[0], SMEAR], smeared.sample_z(300, seed=5), real=real)


def test_without_the_artifact_unit_pictures_are_closer_to_the_data(smeared, real, removed):
    assert removed.sizes == (1, 2) and (removed.n, removed.n_real) == (300, 400)
    assert removed.closer == pytest.approx(removed.before - removed.after)
    assert removed.closer[0] == pytest.approx(0, abs=1e-9)  # the first does nothing
    low, high = removed.interval[1]
    assert 0 < low < removed.closer[1] < high and removed.after[1] < 0.3 * removed.before


def test_the_distances_are_frechet_distances_of_the_same_pictures(smeared, real, removed):
    from ganwidgets.models import zero_units
    from ganwidgets.nn.features import RandomFeatures, Reference, data_rows, feature_rows
    from ganwidgets.nn.frechet import frechet_distance

    features, z = RandomFeatures(), smeared.sample_z(300, seed=5)
    rows = data_rows(features, real, (3, SIZE, SIZE), smeared.device)
    scaled = Reference(rows).scaled
    with smeared.intervene("layer1", zero_units([SMEAR])):
        clean = feature_rows(features, smeared.images(z))
    for images, distance in ((feature_rows(features, smeared.images(z)), removed.before), (clean, removed.after[1])):
        assert frechet_distance(scaled(images), scaled(rows)).distance == pytest.approx(distance, rel=1e-6)


def test_random_units_are_the_control(smeared, real):
    """Idle units change nothing; a random order that begins with the smear does what removing the smear does."""
    result = remove(smeared, [SMEAR], smeared.sample_z(60, seed=5), real=real, n_random_sets=40)
    idle = remove(smeared, IDLE[:2], smeared.sample_z(60, seed=5), real=real, n_random_sets=0)
    assert result.random.shape == (40, 1)
    random = np.random.RandomState(0)
    smears = np.array([random.permutation(UNITS)[0] == SMEAR for _ in range(40)])
    assert smears.any() and np.isclose(result.random[:, 0], result.closer[0]).tolist() == smears.tolist()
    assert idle.closer == pytest.approx([0, 0], abs=1e-9) and idle.random.shape == (0, 2)
    assert idle.to_frame()["chance"].isna().all()
    frame = result.to_frame()
    assert (frame["chance_low"] <= frame["chance"]).all() and (frame["chance"] <= frame["chance_high"]).all()


def test_the_network_below_the_layer_runs_once_a_batch(real):
    network, calls = generator(), []
    network.module.layer1.register_forward_hook(lambda *args: calls.append(1))
    remove(network, [SMEAR], network.sample_z(64), real=real)
    assert len(calls) == 2  # 64 latents in batches of 32


def test_progress_of_a_removal_ends_at_one(smeared, real):
    told = []
    remove(smeared, [SMEAR], smeared.sample_z(40), real=real, progress=told.append)
    assert told == sorted(told) and told[-1] == pytest.approx(1.0)


def test_the_most_active_latents_are_those_with_the_unit_on(smeared):
    from ganwidgets.ablate.artifact_removal import most_active_latents

    z = most_active_latents(smeared, "layer1", [SMEAR], n=30, among=600, seed=2)
    assert z.shape == (30, DEPTH) and (z[:, 1] > 1.28).all()
    both = most_active_latents(smeared, "layer1", [SMEAR, NIGHT], n=5, among=600)
    assert (both[:, 0] > 0.52).all() and (both[:, 1] > 1.28).all()
    with pytest.raises(ValueError, match="`n` must be from 1 to among = 4, got 5"):
        most_active_latents(smeared, "layer1", [SMEAR], n=5, among=4)
    with pytest.raises(ValueError, match="`units` must "):
        most_active_latents(smeared, "layer1", [14])


@pytest.mark.parametrize(
    ("units", "options", "message"),
    [
        ([0, 0], {}, r"`units` must name each unit once, got \[0, 0\]"),
        ([14], {}, r"`units` must be below 14, .* got 14"),
        ([], {}, "`units` must hold at least one of the 14 units of 'layer1', got none"),
        ([1, 2], {"sizes": [3]}, r"`sizes` must be numbers of units from 1 to 2, got \[3\]"),
        ([1], {"z": torch.zeros(39, DEPTH)}, "`z` must hold at least 40 latents, got 39"),
        ([1], {"real": torch.zeros(39, 3, SIZE, SIZE)}, "`real` must hold at least 40 images, got 39"),
    ],
)
def test_bad_removals_are_one_sentence(smeared, real, units, options, message):
    z = options.pop("z", smeared.sample_z(40))
    with pytest.raises(ValueError, match=message):
        remove(smeared, units, z, **{"real": real} | options)
