"""The command line passes on what it was told."""

import json

import pytest
from typer.testing import CliRunner

from ganwidgets.scenes import provenance
from ganwidgets.scenes.train import app
from ganwidgets.segment.scenes import WEIGHTS


def said(answer):
    """The output without the box it is printed in."""
    return " ".join(answer.output.replace("│", " ").split())


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_train_and_publish_a_segmenter(tmp_path):
    folder, weights = tmp_path / "run", tmp_path / "weights"
    answer = run("segmenter", folder, "--drawings", 8, "--steps", 1, "--no-compile")
    assert answer.exit_code == 0, answer.output
    answer = run("publish", folder, "--weights", weights, "--n", 10)
    assert answer.exit_code == 0, answer.output
    metrics = json.loads((weights / "provenance.json").read_text())["segmenter"]["metrics"]
    assert set(metrics["clean"]["iou"]) >= {"sky", "grass"}
    assert metrics["held_out_seed"] == 2


@pytest.mark.skipif(not WEIGHTS.exists(), reason="the bundled segmenter's weights are not there")
def test_train_and_publish_a_gan(tmp_path):
    folder, weights = tmp_path / "run", tmp_path / "weights"
    answer = run("gan", folder, "--minutes", 0, "--drawings", 8, "--no-compile", "--without", "dome", "--keep-at", 7)
    assert answer.exit_code == 0, answer.output
    settings = json.loads((folder / "history.json").read_text())["settings"]
    assert settings["without"] == ["dome"]
    assert settings["keep_at"] == [7]
    answer = run("publish", folder, "--weights", weights, "--n", 20)
    assert answer.exit_code == 0, answer.output
    assert "within" in json.loads((weights / "provenance.json").read_text())["gan"]["metrics"]


def test_wrong_wishes_are_refused(tmp_path, monkeypatch):
    answer = run("gan", tmp_path, "--without", "sky")
    assert answer.exit_code == 2
    assert "cannot be left out" in said(answer)
    answer = run("publish", tmp_path)
    assert answer.exit_code == 2
    assert "lacks" in said(answer)
    monkeypatch.setattr(provenance, "WEIGHTS", tmp_path)
    answer = run("gan", tmp_path / "new", "--from-published")
    assert answer.exit_code == 2
    assert "--from-published needs" in said(answer)
