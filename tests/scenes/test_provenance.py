"""What is published is what was trained, and the record says so."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from ganwidgets.scenes.growing import Discriminator
from ganwidgets.scenes.provenance import (
    MAX_BYTES,
    MAX_EARLY_BYTES,
    RECORD,
    WEIGHTS,
    publish_dissection,
    publish_gan,
    publish_segmenter,
    publish_variant,
    recorded,
    sha256,
)
from ganwidgets.scenes.train_gan import GanSettings, GanTraining
from ganwidgets.scenes.train_segmenter import SegmenterSettings, SegmenterTraining

SIZES = (8, 8, 8, 4)


@pytest.fixture(scope="module")
def gan_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gan")
    settings = GanSettings(drawings=8, compile=False, batch=(100, 100), schedule=((0, 1), (0, 1)), keep_at=(1,))
    GanTraining(folder, settings, log=lambda line: None, sizes=SIZES).run()
    return folder


def test_publishing_a_gan(gan_run, tmp_path):
    measured = []
    save_file({"x": torch.zeros(1)}, tmp_path / "early-9k.safetensors")
    record = publish_gan(gan_run, tmp_path, lambda path: measured.append(path) or {"fsd": 1.5})
    assert measured == [tmp_path / "generator.safetensors"]
    names = {"generator.safetensors", "discriminator.safetensors", "early-1k.safetensors"}
    assert {path.name for path in tmp_path.iterdir()} == names | {RECORD}  # the early one of another run is gone
    assert set(record["files"]) == names
    written = hashlib.sha256((tmp_path / "generator.safetensors").read_bytes()).hexdigest()
    assert record["files"]["generator.safetensors"]["sha256"] == written
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in tmp_path.glob("*.safetensors"))
    assert record["metrics"] == {"fsd": 1.5}
    assert record["settings"]["schedule"] == [[0, 1], [0, 1]]
    assert record["command"].startswith("python -m ganwidgets.scenes.train gan")
    early = load_file(tmp_path / "early-1k.safetensors")
    assert early["output_16x16.conv.weight"].dtype == torch.float16
    assert load_file(tmp_path / "generator.safetensors")["output_16x16.conv.weight"].dtype == torch.float32
    assert Discriminator.from_state_dict(load_file(tmp_path / "discriminator.safetensors")).top == 2


def test_a_run_that_continues_published_weights_keeps_their_record_and_early_generators(gan_run, tmp_path):
    weights, run = tmp_path / "weights", tmp_path / "run"
    first = publish_gan(gan_run, weights, lambda path: {"fsd": 2.0})
    assert first == recorded("gan", weights) and first["continues"] is None
    run.mkdir()
    for name in ("generator.safetensors", "discriminator.safetensors"):
        (run / name).write_bytes((gan_run / name).read_bytes())
    history = json.loads((gan_run / "history.json").read_text()) | {"continues": first}
    (run / "history.json").write_text(json.dumps(history))
    save_file({"x": torch.zeros(1)}, weights / "early-9k.safetensors")
    second = publish_gan(run, weights, lambda path: {"fsd": 1.0})
    assert second["continues"] == first and second["command"].endswith("--from-published")
    assert second["files"]["early-1k.safetensors"] == first["files"]["early-1k.safetensors"]
    assert not (weights / "early-9k.safetensors").exists()


def test_a_run_with_the_whole_discriminator_is_cut(gan_run, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for path in gan_run.glob("*.*"):
        (run / path.name).write_bytes(path.read_bytes())
    save_file(Discriminator(SIZES).state_dict(), run / "discriminator.safetensors")
    publish_gan(run, tmp_path / "weights", lambda path: {})
    kept = load_file(tmp_path / "weights" / "discriminator.safetensors")
    assert not [name for name in kept if name.startswith(("from_rgb.0", "from_rgb.1"))]


def test_publishing_a_segmenter_leaves_the_gan_section_alone(gan_run, tmp_path):
    settings = SegmenterSettings(drawings=8, batch=4, steps=2, compile=False)
    SegmenterTraining(tmp_path / "run", settings, log=lambda line: None).run()
    weights = tmp_path / "weights"
    publish_gan(gan_run, weights, lambda path: {})
    before = json.loads((weights / RECORD).read_text())["gan"]
    publish_segmenter(tmp_path / "run", weights, lambda path: {"mean_iou": 0.5})
    record = json.loads((weights / RECORD).read_text())
    assert record["gan"] == before
    assert record["segmenter"]["metrics"] == {"mean_iou": 0.5}
    assert record["segmenter"]["settings"]["steps"] == 2


@pytest.fixture(scope="module")
def dissected():
    import ganwidgets as gw

    return gw.dissect.run(gw.load("scenes"), segmenter=gw.segment.load("scenes"), layer="layer4", n=64)


@pytest.fixture
def published(tmp_path):
    for name in ("generator.safetensors", "segmenter.safetensors"):
        (tmp_path / name).write_bytes((WEIGHTS / name).read_bytes())
    return tmp_path


def test_publishing_a_dissection(dissected, published):
    from ganwidgets.results.files import load

    dissected.save(published / "run.gwd")
    record = publish_dissection(published / "run.gwd", published)
    assert record == recorded("dissection", published) and set(record["files"]) == {"dissection.safetensors"}
    assert record["of"]["segmenter.safetensors"] == sha256(WEIGHTS / "segmenter.safetensors")
    assert record["command"].startswith("ganwidgets dissect scenes --layer layer4 --n 64 --seed 1 --save")
    assert load(published / "dissection.safetensors").to_frame().equals(dissected.to_frame())
    assert not list(published.glob("*.new"))


def test_only_a_whole_dissection_of_the_published_generator_is_taken(dissected, published):
    run = published / "run.gwd"
    for wrong, words in (({"network": "faces"}, "of 'scenes' by 'scenes'"), ({"n": 32}, "complete dissection")):
        replace(dissected, **wrong).save(run)
        with pytest.raises(ValueError, match=words):
            publish_dissection(run, published)
    replace(dissected, fingerprint="0" * 64).save(run)
    with pytest.raises(ValueError, match="of other weights: dissect again"):
        publish_dissection(run, published)
    assert not (published / "dissection.safetensors").exists()


def test_the_bundled_dissection_is_of_the_bundled_networks():
    """If this fails, a network was published again: make the dissection again as `scenes/train.py` says."""
    of = recorded("dissection")["of"]
    assert of == {name: sha256(WEIGHTS / name) for name in ("generator.safetensors", "segmenter.safetensors")}


def test_a_folder_without_a_run_is_refused(tmp_path):
    message = "`run` must be a folder that training left, .* lacks generator.safetensors, discriminator.safetensors"
    with pytest.raises(FileNotFoundError, match=message):
        publish_gan(tmp_path, tmp_path / "weights", lambda path: {})
    with pytest.raises(FileNotFoundError, match=r"lacks segmenter.safetensors, history.json"):
        publish_segmenter(tmp_path, tmp_path / "weights", lambda path: {})


def test_a_file_too_large_to_commit_is_refused(gan_run, tmp_path, monkeypatch):
    monkeypatch.setitem(MAX_BYTES, "generator", 1000)
    with pytest.raises(ValueError, match=r"generator\.safetensors must be at most 1,000 bytes"):
        publish_gan(gan_run, tmp_path, lambda path: {})


@pytest.mark.skipif(not (WEIGHTS / RECORD).exists(), reason="no weights are bundled yet")
def test_the_bundled_weights_are_the_recorded_ones():
    record = json.loads((WEIGHTS / RECORD).read_text())
    recorded = {name: facts for section in record.values() for name, facts in section["files"].items()}
    assert set(recorded) == {path.name for path in WEIGHTS.glob("*.safetensors")}
    for name, facts in recorded.items():
        data = (WEIGHTS / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == facts["sha256"], name
        assert len(data) == facts["bytes"] <= MAX_BYTES.get(name.removesuffix(".safetensors"), MAX_EARLY_BYTES)


@pytest.fixture(scope="module")
def continued_run(gan_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("variant")
    (folder / "generator.safetensors").write_bytes((gan_run / "generator.safetensors").read_bytes())
    history = json.loads((gan_run / "history.json").read_text())
    began = {"files": {"generator.safetensors": {"sha256": "a"}, "early-9k.safetensors": {"sha256": "b"}}}
    began |= {"images": 40, "minutes": 1.5}
    history |= {"continues": began, "settings": history["settings"] | {"without": ["tree"]}}
    history["history"] = [[50, 3.0, 1, 1.0, 0.6, 2.0, 0.6]]
    (folder / "history.json").write_text(json.dumps(history))
    return folder


def test_publishing_a_generator_under_a_name_of_its_own(continued_run, gan_run, tmp_path):
    publish_gan(gan_run, tmp_path, lambda path: {})
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors")}
    record = publish_variant(continued_run, tmp_path, "without-tree", lambda path: {"of": path.name})
    assert record == recorded("without-tree", tmp_path) and set(record["files"]) == {"without-tree.safetensors"}
    assert record["metrics"] == {"of": "without-tree.safetensors"} and record["of"] == {"generator.safetensors": "a"}
    assert record["command"].endswith("gan RUN --from-published --seed 1 --without 'tree'")
    assert record["images"] == 10 and record["minutes"] == pytest.approx(1.5)
    state = load_file(tmp_path / "without-tree.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    assert before == {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors") if path.name in before}


def test_what_is_no_variant_is_refused(continued_run, gan_run, tmp_path):
    for name in ("generator", "early-1k", "Without Tree", "../x"):
        with pytest.raises(ValueError, match="`name` must be small letters and hyphens"):
            publish_variant(continued_run, tmp_path, name, lambda path: {})
    with pytest.raises(ValueError, match="must continue the published weights"):
        publish_variant(gan_run, tmp_path, "without-tree", lambda path: {})
    assert not list(tmp_path.iterdir())


def test_the_generator_without_trees_continues_the_bundled_one():
    record = recorded("without-tree")
    assert record["settings"]["without"] == ["tree"] and record["of"].keys() == {
        "generator.safetensors",
        "discriminator.safetensors",
    }
    assert record["of"] == {name: sha256(WEIGHTS / name) for name in record["of"]}
