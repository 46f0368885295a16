"""Encoders: a planted network whose latent can be read off, and how they are kept, resumed and refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import ganwidgets as gw
from ganwidgets.invert import encoder as module
from ganwidgets.invert.encoder import BUNDLED, encoder_for, kept_encoder, learning, training
from ganwidgets.invert.encoder_quality import correlation
from ganwidgets.invert.encoder_recipe import KINDS, Recipe
from ganwidgets.invert.encoder_result import load_encoder

FEW = Recipe(apart=2, together=2, batch=8, pool=16)


def planted(seed: int = 0) -> gw.TorchGenerator:
    """A linear network of two layers: a picture is a sum of 5 patterns, the latent says how much of each."""
    torch.manual_seed(seed)
    spread, up = nn.ConvTranspose2d(5, 8, 4, bias=False), nn.ConvTranspose2d(8, 3, 2, 2, bias=False)
    nn.init.orthogonal_(spread.weight)
    nn.init.normal_(up.weight, std=0.4)
    return gw.TorchGenerator(nn.Sequential(spread, up), (5, 1, 1), "planted")


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    recipe = Recipe(apart=150, together=50, batch=16, pool=256)
    folder = tmp_path_factory.mktemp("encoders")
    network = planted()
    return network, {kind: encoder_for(network, kind, recipe=recipe, cache=folder) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_the_latent_of_a_planted_network_is_recovered(learned, kind):
    network, encoders = learned
    z = network.sample_z(64, seed=77)
    found = encoders[kind].z(network.images(z, clamp=False).clamp(-1, 1))
    assert found.shape == z.shape
    assert float(correlation(z, found).median()) > 0.95
    assert encoders[kind].quality["psnr"] > 20 and encoders[kind].space == "z"
    length = found.flatten(1).norm(dim=1) / z.flatten(1).norm(dim=1)
    assert 0.85 < float(length.median()) < 1.15, "a latent twice as long is another picture here: its length counts"


def test_the_activations_of_a_planted_network_are_recovered(learned):
    network, encoders = learned
    z = network.sample_z(64, seed=78)
    found = encoders["layered"].acts(network.images(z))
    true = network.acts(z, "0")
    assert encoders["layered"].layer == "0" and found.shape == true.shape
    assert float(correlation(true, found).median()) > 0.9
    with pytest.raises(ValueError, match="`kind` must be 'layered'"):
        encoders["direct"].acts(network.images(z))


def test_pictures_of_another_size_are_refused(learned):
    with pytest.raises(ValueError, match=r"`images` must be float \(batch, 3, 8, 8\)"):
        learned[1]["direct"].z(torch.zeros(1, 3, 16, 16))


def test_a_second_time_it_comes_from_the_cache(tmp_path):
    network, shares = planted(), []
    first = encoder_for(network, recipe=FEW, cache=tmp_path, progress=shares.append)
    assert shares[-1] == 1 and shares == sorted(shares)
    shares.clear()
    again = encoder_for(network, recipe=FEW, cache=tmp_path, train=False, progress=shares.append)
    assert not shares and again.fingerprint == first.fingerprint and again.quality == first.quality
    assert kept_encoder(planted(1), recipe=FEW, cache=tmp_path) is None, "other weights"
    assert kept_encoder(network, "direct", recipe=FEW, cache=tmp_path) is None
    assert kept_encoder(network, recipe=Recipe(apart=3, together=2, batch=8, pool=16), cache=tmp_path) is None
    assert kept_encoder(network, recipe=FEW, cache=tmp_path, layer="1") is None
    with pytest.raises(ValueError, match="`train` must be True: planted has no direct encoder yet"):
        encoder_for(network, "direct", recipe=FEW, cache=tmp_path, train=False)


def test_nothing_is_written_without_a_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("ganwidgets.results.cache.user_cache_path", lambda name: tmp_path)
    encoder_for(planted(), "direct", recipe=FEW, cache=False)
    assert not list(tmp_path.rglob("*"))
    encoder_for(planted(), "direct", recipe=FEW)
    assert [path.suffix for path in (tmp_path / "encoders").iterdir()] == [".safetensors"]


def test_a_truncated_file_is_trained_anew(tmp_path, caplog):
    first = encoder_for(planted(), recipe=FEW, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    assert kept_encoder(planted(), recipe=FEW, cache=tmp_path) is None and "computed again" in caplog.text
    assert encoder_for(planted(), recipe=FEW, cache=tmp_path).fingerprint == first.fingerprint


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    network = planted()
    whole = encoder_for(network, recipe=FEW, cache=False)
    steps = training(network, recipe=FEW, cache=tmp_path)
    assert [next(steps).step for _ in range(3)] == [1, 2, 3]
    steps.close()
    assert [path.suffix for path in tmp_path.iterdir()] == [".training"]
    rest = list(training(network, recipe=FEW, cache=tmp_path))
    assert [step.step for step in rest] == [4, 4] and rest[-1].encoder.fingerprint == whole.fingerprint
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


def test_a_state_is_written_while_it_runs_and_a_damaged_one_is_ignored(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAVED_EVERY", 0.0)
    steps = training(planted(), recipe=FEW, cache=tmp_path)
    next(steps)
    (path,) = tmp_path.iterdir()  # written though nobody stopped it
    path.write_bytes(path.read_bytes()[:1000])
    assert next(training(planted(), recipe=FEW, cache=tmp_path)).step == 1


def test_a_search_waits_for_its_encoder_and_may_be_told_not_to(tmp_path, monkeypatch):
    monkeypatch.setattr("ganwidgets.results.cache.user_cache_path", lambda name: tmp_path)
    network = planted()
    assert list(learning(network, "ridge")) == [] == list(learning(network, "best"))
    steps = learning(network, "direct")
    assert next(steps).step == 1
    steps.close()
    assert [path.suffix for path in tmp_path.rglob("*.*")] == [".training"]
    assert next(learning(network, "direct")).step == 2, "what was reached is kept"
    monkeypatch.setattr(module, "kept_encoder", lambda *given, **options: "one")
    assert list(learning(network, "direct")) == []


def test_a_network_that_is_changed_meanwhile_gets_no_encoder(tmp_path):
    network = planted()
    steps = training(network, recipe=FEW, cache=tmp_path)
    next(steps)
    with torch.no_grad():
        network.module[0].weight.mul_(2)
    with pytest.raises(ValueError, match="`network` must stay as it is"):
        list(steps)
    assert kept_encoder(network, recipe=FEW, cache=tmp_path) is None


def test_saved_and_loaded_it_is_the_same(tmp_path, learned):
    network, encoders = learned
    path = encoders["layered"].save(tmp_path / "own.safetensors")
    again = load_encoder(path, network)
    images = network.images(network.sample_z(3, seed=5))
    assert torch.equal(again.z(images), encoders["layered"].z(images)) and repr(again) == repr(encoders["layered"])
    with pytest.raises(ValueError, match="of another network"):
        load_encoder(path, planted(3))


def hostile_files(good, folder):
    """(what, file): each must be refused with a sentence."""
    tensors, text = load_file(good), _about(good)
    name = "net/to_latent.body.4.weight"

    def write(what, **changes):
        path = folder / f"{what}.safetensors"
        save_file(changes.get("tensors", tensors), path, {"ganwidgets": json.dumps(text | changes.get("about", {}))})
        return what, path

    yield write("other shape", tensors=tensors | {name: torch.zeros(2, 2)})
    yield write("surplus", tensors=tensors | {"net/more": torch.zeros(1)})
    yield write("NaN", tensors=tensors | {name: torch.full_like(tensors[name], float("nan"))})
    yield write("text for numbers", tensors=tensors | {name: torch.zeros_like(tensors[name], dtype=torch.bool)})
    yield write("no layer", about={"layer": "__class__"})
    yield write("layer as a list", about={"layer": [1]})
    yield write("another kind", about={"kind": "os.system"})
    yield write("a recipe of its own", about={"recipe": {"seed": -1}})
    yield write("a recipe with more", about={"recipe": {"run": "x"}})
    yield write("quality as text", about={"quality": {"psnr": "<b>"}})
    yield write("quality as a list", about={"quality": [1]})
    yield write("space", about={"space": "w"})
    yield write("version", about={"version": 99})
    pickled = folder / "pickle.safetensors"
    torch.save({"net": torch.zeros(3)}, pickled)
    yield "pickle", pickled


def _about(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["ganwidgets"])


def test_hostile_files_are_refused(tmp_path, learned):
    network, encoders = learned
    good = encoders["layered"].save(tmp_path / "good.safetensors")
    for what, path in hostile_files(good, tmp_path):
        with pytest.raises(ValueError, match="`path` must be"):
            load_encoder(path, network)
            pytest.fail(what)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_encoder(tmp_path / "none.safetensors", network)


def test_what_is_asked_for_must_exist():
    network = planted()
    with pytest.raises(ValueError, match=r"`kind` must be one of \['layered', 'direct'\], got 'layerd'. Did you mean"):
        encoder_for(network, "layerd")
    with pytest.raises(ValueError, match="`layer` must be one of"):
        encoder_for(network, layer="layer41")
    with pytest.raises(TypeError, match="network"):
        encoder_for(network.module)
    with pytest.raises(ValueError, match="`batch` must be a whole number of at least 2, got 1"):
        Recipe(batch=1)
    with pytest.raises(ValueError, match="`lr` must be finite"):
        Recipe(lr=float("nan"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_bundled_world_ships_its_encoders(kind):
    network = gw.load("scenes")
    encoder = encoder_for(network, kind, train=False, cache=False)
    z = network.sample_z(64, seed=4_242)  # nobody trained with these
    images = network.images(z)
    found = encoder.z(images)
    own, others = (torch.cosine_similarity(part.flatten(1), found.flatten(1)) for part in (z, z.roll(1, 0)))
    assert float((own > others).float().mean()) > 0.95 and float((own - others).median()) > 0.25
    again = network.images(found)
    wrong = float((images.roll(1, 0) - images).square().mean())
    assert float((again - images).square().mean()) < wrong / 4
    assert sum(path.stat().st_size for path in BUNDLED.values()) <= 6_000_000
    if kind == "layered":
        assert encoder.layer == "layer4"
        assert float(correlation(network.acts(z, "layer4"), encoder.acts(images)).median()) > 0.85


def test_earlier_checkpoints_of_the_world_have_no_bundled_encoder():
    assert kept_encoder(gw.load("scenes@500k"), cache=False) is None
