"""Training in a terminal, and publishing what came of it."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

import ganwidgets as gw
from ganwidgets.invert.encoder import BUNDLED, encoder_for
from ganwidgets.invert.encoder_recipe import KINDS
from ganwidgets.invert.encoder_result import load_encoder
from ganwidgets.invert.train import app
from ganwidgets.models.progan import ProGAN
from ganwidgets.scenes import provenance
from ganwidgets.scenes.provenance import WEIGHTS, publish_encoder, recorded, sha256

FEW = ("--apart", 2, "--together", 1, "--batch", 4)


def cli(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    module = ProGAN((8, 8, 8))
    module[-1].conv.weight.data.mul_(0.2)
    (tmp_path / "weights").mkdir()
    save_file(module.state_dict(), tmp_path / "weights" / "generator.safetensors")
    return tmp_path / "weights"


def test_a_run_is_stopped_continued_and_published(weights, tmp_path):
    generator, run = weights / "generator.safetensors", tmp_path / "run"
    answer = cli(generator, run, *FEW, "--kind", "direct", "--minutes", 0)
    assert answer.exit_code == 0, answer.output
    assert not (run / "encoder.safetensors").exists() and [p.suffix for p in run.iterdir()] == [".training"]
    assert cli(generator, run, *FEW, "--kind", "direct").exit_code == 0
    network = gw.load(generator)
    encoder = load_encoder(run / "encoder.safetensors", network)
    assert encoder.kind == "direct" and encoder.recipe.apart == 2
    history = json.loads((run / "history.json").read_text())
    assert history["kind"] == "direct" and [row[0] for row in history["history"]] == [3]

    record = publish_encoder(run, weights)
    published = weights / "encoder-direct.safetensors"
    assert record == recorded("encoder-direct", weights) and published.stat().st_mode & 0o044 == 0o044
    assert record["files"] == {published.name: {"sha256": sha256(published), "bytes": published.stat().st_size}}
    assert record["of"] == {"generator.safetensors": sha256(generator)} and record["metrics"] == dict(encoder.quality)
    assert record["command"].startswith("python -m ganwidgets.invert.train scenes RUN --kind direct --apart 2")


def test_the_network_must_be_known(tmp_path):
    answer = cli(tmp_path / "none.pt", tmp_path, *FEW)
    assert answer.exit_code == 2 and "none.pt" in answer.output
    answer = cli("scenes", tmp_path, "--kind", "sideways")
    assert answer.exit_code == 2 and "must be one of" in answer.output


def test_only_an_encoder_of_the_published_generator_is_taken(weights, tmp_path, monkeypatch):
    generator, run = weights / "generator.safetensors", tmp_path / "run"
    cli(generator, run, *FEW, "--kind", "direct")
    monkeypatch.setitem(provenance.MAX_BYTES, "encoder-direct", 1000)
    with pytest.raises(ValueError, match=r"encoder-direct\.safetensors must be at most 1,000 bytes"):
        publish_encoder(run, weights)
    torch.manual_seed(1)
    save_file(ProGAN((8, 8, 8)).state_dict(), generator)
    with pytest.raises(ValueError, match="of other weights: train again"):
        publish_encoder(run, weights)
    with pytest.raises(FileNotFoundError, match=r"lacks encoder\.safetensors"):
        publish_encoder(tmp_path, weights)
    (run / "encoder.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="truncated or another format"):
        publish_encoder(run, weights)
    assert {path.name for path in weights.iterdir()} == {"generator.safetensors"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_bundled_encoders_are_of_the_bundled_generator(kind):
    """If this fails, the generator was published again: train the encoders again as `scenes/train.py` says."""
    record = recorded(f"encoder-{kind}")
    assert record["of"] == {"generator.safetensors": sha256(WEIGHTS / "generator.safetensors")}
    stated = record["files"][BUNDLED[kind].name]["sha256"]
    assert hashlib.sha256(BUNDLED[kind].read_bytes()).hexdigest() == stated
    assert encoder_for(gw.load("scenes"), kind, train=False, cache=False).quality == record["metrics"]
