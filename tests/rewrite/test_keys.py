"""Key statistics: known on paper, equal to the original's, kept by content, exchanged with its files."""

import logging
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

CASES = ("progan_layer5", "progan_layer6", "stylegan2_layer5", "stylegan2_layer6")


@pytest.fixture
def layer(pixels):
    """A layer whose keys are the latent itself, 4 × 4 of 3 numbers."""
    from ganwidgets.rewrite.editable import editable_layer

    return editable_layer(pixels, "1")


@pytest.fixture
def passes(layer, monkeypatch):
    """Counts the passes that `run` makes."""
    from ganwidgets.rewrite.editable import EditableLayer

    counted, run = [], EditableLayer.run
    monkeypatch.setattr(EditableLayer, "run", lambda self, z: counted.append(len(z)) or run(self, z))
    return counted


def test_a_second_moment_known_on_paper(layer):
    from ganwidgets.rewrite.keys import collect_keys

    z = torch.zeros(2, 3, 4, 4)
    z[0, 0], z[0, 1, 0, 0], z[1, 2, 3, :2] = 2, 3, -4  # 16 keys with k0 = 2, one of them with k1 = 3; 2 with k2 = -4
    found = collect_keys(layer, z, seed=5)
    assert (found.second_moment * 32).tolist() == [[64, 6, 0], [6, 9, 0], [0, 0, 32]]
    assert (found.n_pixels, found.n, found.seed, found.layer) == (32, 2, 5, "1")
    assert found.fingerprint == layer.network.fingerprint and found.second_moment.dtype == torch.float64


def test_transposed_keys_are_the_pixels_of_the_input():
    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.keys import collect_keys

    network = TorchGenerator(nn.Sequential(nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1)), (2, 2, 2))
    z = torch.tensor([[[[1.0, 0], [0, 0]], [[0, 2], [0, 0]]]])
    found = collect_keys(editable_layer(network, "0"), z)
    assert (found.second_moment * 4).tolist() == [[1, 0], [0, 4]] and found.n_pixels == 4


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_it_is_that_of_the_original(case):
    wanted = case.arrays["C_float64"]
    assert float((case.statistics.second_moment - wanted).abs().max()) < 1e-6 * float(wanted.abs().max())
    assert case.statistics.n_pixels == case.facts["key_count"]
    assert case.statistics.n_silent == 0
    values = case.statistics.spectrum.values
    assert float(values[-1] / values[0]) == pytest.approx(case.facts["C_condition"], rel=1e-3)


@pytest.mark.parametrize("case", CASES[1:3], indirect=True)
def test_batches_of_any_size_give_the_same(case):
    from ganwidgets.rewrite.keys import collect_keys

    one, seven = (collect_keys(case.editable, case.z[:21], batch=batch).second_moment for batch in (1, 7))
    torch.testing.assert_close(one, seven, rtol=1e-5, atol=1e-6)  # the passes themselves round differently


def test_order_and_grouping_of_pictures_do_not_matter(layer):
    from ganwidgets.nn.second_moment import SecondMoment
    from ganwidgets.rewrite.keys import collect_keys, key_batches, statistics_of

    z = torch.randn(20, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 10.0 ** torch.arange(-9, 11)[
        :, None, None, None
    ].div(2)
    whole = collect_keys(layer, z).second_moment
    assert torch.equal(collect_keys(layer, z.flip(0), batch=3).second_moment, whole)
    merged = SecondMoment(3)
    for part in (z[12:], z[:12]):  # two machines, each its own pictures
        own = SecondMoment(3)
        for keys in key_batches(layer, part, 5):
            for key_map in keys:
                own.add(key_map.flatten(1).T)
        merged.merge(own)
    assert torch.equal(statistics_of(layer, merged, len(z)).second_moment, whole)


def test_after_every_batch_there_is_a_result_with_its_n(layer):
    from ganwidgets.rewrite.keys import collect_keys, collecting

    z = torch.randn(10, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    parts = list(collecting(layer, z, batch=4))
    assert [part.n for part in parts] == [4, 8, 10]
    assert torch.equal(parts[1].second_moment, collect_keys(layer, z[:8]).second_moment)


def test_progress_is_told_and_may_stop_the_run(layer, passes):
    from ganwidgets.rewrite.keys import collect_keys

    z, told = torch.randn(10, 3, 4, 4), []
    collect_keys(layer, z, batch=4, progress=told.append)
    assert told == [0.4, 0.8, 1.0]

    def stop(fraction):
        raise KeyboardInterrupt

    passes.clear()
    with pytest.raises(KeyboardInterrupt):
        collect_keys(layer, z, batch=4, progress=stop)
    assert passes == [4]
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in layer.network.module.modules())


def test_bad_samples_are_refused(layer):
    from ganwidgets.rewrite.keys import collect_keys

    with pytest.raises(ValueError, match="`z` must hold at least one latent"):
        collect_keys(layer, torch.zeros(0, 3, 4, 4))
    with pytest.raises(ValueError, match="must be finite"):
        collect_keys(layer, torch.full((1, 3, 4, 4), float("nan")))
    with pytest.raises(ValueError, match="`batch` must be at least 1"):
        collect_keys(layer, torch.zeros(1, 3, 4, 4), batch=0)


def test_kept_by_content(layer, passes, tmp_path):
    from ganwidgets.models import with_weights
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.keys import collect_keys

    z = torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    first = collect_keys(layer, z, seed=1, cache=tmp_path)
    passes.clear()
    told = []
    again = collect_keys(layer, z, seed=1, cache=tmp_path, progress=told.append)
    assert torch.equal(again.second_moment, first.second_moment) and not passes and told == [1.0]
    assert vars(again).keys() >= {"n", "seed"} and (again.n, again.seed, again.n_pixels) == (3, 1, 48)
    other = with_weights(layer.network, {"1.weight": layer.W0 + 1})
    for other_layer, other_z, seed in (
        (layer, z[:2], 1),
        (layer, z + 1, 1),
        (layer, z, 2),
        (editable_layer(other, "1"), z, 1),
    ):
        passes.clear()
        collect_keys(other_layer, other_z, seed=seed, cache=tmp_path)
        assert passes
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"", lambda data: data.replace(b"F64", b"F32")]
)
def test_a_damaged_file_is_computed_again(layer, passes, tmp_path, damage, caplog):
    from ganwidgets.rewrite.keys import collect_keys

    z = torch.randn(3, 3, 4, 4)
    wanted = collect_keys(layer, z, cache=tmp_path).second_moment
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    passes.clear()
    with caplog.at_level(logging.WARNING):
        found = collect_keys(layer, z, cache=tmp_path).second_moment
    assert passes and torch.equal(found, wanted) and "computed again" in caplog.text
    passes.clear()
    collect_keys(layer, z, cache=tmp_path)
    assert not passes and list(tmp_path.iterdir()) == [path]


def test_nothing_is_kept_of_a_run_that_was_stopped(layer, tmp_path):
    from ganwidgets.rewrite.keys import collect_keys

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect_keys(layer, torch.randn(5, 3, 4, 4), batch=2, cache=tmp_path, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_under_an_intervention_nothing_is_kept_or_taken_from_the_cache(layer, tmp_path):
    from ganwidgets.models import zero_units
    from ganwidgets.rewrite.keys import collect_keys

    z = torch.randn(3, 3, 4, 4)
    collect_keys(layer, z, cache=tmp_path)
    with layer.network.intervene("0", zero_units([1])):
        found = collect_keys(layer, z, cache=tmp_path)
    assert found.second_moment[1].eq(0).all() and len(list(tmp_path.iterdir())) == 1
    assert collect_keys(layer, z, cache=tmp_path).second_moment[1, 1] > 0


def test_saved_and_loaded(layer, tmp_path):
    from ganwidgets.rewrite.keys import collect_keys, load_statistics

    found = collect_keys(layer, torch.randn(3, 3, 4, 4))
    loaded = load_statistics(found.save(tmp_path / "keys.gwk"))
    assert torch.equal(loaded.second_moment, found.second_moment)
    assert [getattr(loaded, key) for key in ("n_pixels", "layer", "fingerprint", "n", "seed")] == [
        getattr(found, key) for key in ("n_pixels", "layer", "fingerprint", "n", "seed")
    ]
    with pytest.raises(FileNotFoundError, match="saved key statistics"):
        load_statistics(tmp_path / "none")


@pytest.mark.parametrize("part, content", [
    ("n_pixels", -1),
    ("n_pixels", True),
    ("n", "3"),
    ("layer", None),
    ("seed", "x"),
    ("second_moment", np.zeros((3, 2))),
    ("second_moment", np.zeros((3, 3), np.float32)),
    ("second_moment", None),
])  # fmt: skip
def test_a_file_with_a_wrong_part_is_refused(layer, tmp_path, part, content):
    from ganwidgets.results.files import write_parts
    from ganwidgets.rewrite.keys import FORMAT, VERSION, load_statistics

    about = {"n_pixels": 48, "n": 3, "layer": "1", "fingerprint": "x", "seed": None, part: content}
    moment = about.pop("second_moment", np.eye(3))
    path = write_parts(tmp_path / "f", FORMAT, VERSION, about, {} if moment is None else {"second_moment": moment})
    with pytest.raises(ValueError, match="`path` must be saved key statistics, but f is damaged"):
        load_statistics(path)


def test_another_version_or_kind_is_refused(tmp_path):
    from ganwidgets.results.files import write_parts
    from ganwidgets.rewrite.keys import FORMAT, load_statistics

    with pytest.raises(ValueError, match="collect them again"):
        load_statistics(write_parts(tmp_path / "f", FORMAT, 99, {}, {}))
    with pytest.raises(ValueError, match="holds something else"):
        load_statistics(write_parts(tmp_path / "f", "other", 1, {}, {}))


def test_statistics_of_another_layer_are_refused(layer, progan):
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.keys import collect_keys

    statistics = collect_keys(layer, torch.randn(3, 3, 4, 4))
    statistics.check_fits(layer)
    with pytest.raises(ValueError, match="must be of 1 with 3 key units, got those of 2 with 3"):
        replace(statistics, layer="2").check_fits(layer)
    with pytest.raises(ValueError, match=r"must be of layer6.conv with 32 key units, got those of 1 with 3"):
        statistics.check_fits(editable_layer(progan, "layer6"))


def test_exchanged_with_the_original(layer, tmp_path):
    from ganwidgets.rewrite.keys import collect_keys
    from ganwidgets.rewrite.r2m import read_r2m, write_r2m

    found = collect_keys(layer, torch.randn(5, 3, 4, 4))
    path = write_r2m(found, tmp_path / "r2m.npz")
    again = read_r2m(path, layer, seed=1)
    torch.testing.assert_close(again.second_moment, found.second_moment, rtol=1e-6, atol=1e-6)
    assert (again.n_pixels, again.n, again.seed, again.layer) == (80, 5, 1, "1")
    with np.load(path, allow_pickle=False) as file:  # what the original looks at
        assert file["mom2"].dtype == np.float32 and int(file["count"]) == 80 and file["mom2"].shape == (3, 3)
    with np.load(path, allow_pickle=True) as file:
        assert file["sample_size"].item() is None


@pytest.mark.parametrize("arrays, reason", [
    ({"mom2": np.eye(3)}, "count"),
    ({"count": 5}, "mom2"),
    ({"mom2": np.eye(4), "count": 5}, r"mom2 is \(4, 4\)"),
    ({"mom2": np.eye(3, dtype=int), "count": 5}, "mom2 is"),
    ({"mom2": np.full((3, 3), np.nan), "count": 5}, "NaN"),
    ({"mom2": np.eye(3), "count": 0}, "count is 0"),
    ({"mom2": np.eye(3), "count": 2.5}, "count is 2.5"),
    ({"mom2": np.eye(3), "count": np.array([1, 2])}, "count is"),
    ({"mom2": np.array([[{}]], dtype=object), "count": 5}, "allow_pickle"),
    ({"mom2": np.zeros((900, 900)), "count": 5}, "too large"),
])  # fmt: skip
def test_a_bad_r2m_is_refused(layer, tmp_path, arrays, reason):
    from ganwidgets.rewrite.r2m import read_r2m

    np.savez(tmp_path / "r2m.npz", **arrays)
    with pytest.raises(ValueError, match=rf"`path` must be an r2m.npz of 1 with mom2 \(3, 3\) and count.*{reason}"):
        read_r2m(tmp_path / "r2m.npz", layer)


def test_a_file_that_is_no_r2m_at_all_is_refused(layer, tmp_path):
    from ganwidgets.rewrite.r2m import read_r2m

    path = tmp_path / "r2m.npz"
    with pytest.raises(FileNotFoundError, match=r"r2m\.npz"):
        read_r2m(path, layer)
    path.write_bytes(b"not a zip")
    with pytest.raises(ValueError, match="must be an r2m"):
        read_r2m(path, layer)
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (10000000, 10000000), }"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mom2.npy", header.ljust(128)[:-1] + b"\n"), archive.writestr("count.npy", b"")
    with pytest.raises(ValueError, match=r"must be an r2m.*mom2 is \(10000000, 10000000\)"):
        read_r2m(path, layer)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mom2.npy", b"not an array"), archive.writestr("count.npy", b"\x93NUMPY\x01\x00v\x00{")
    with pytest.raises(ValueError, match="must be an r2m"):
        read_r2m(path, layer)
