"""The command line: answers on stdout, one sentence on stderr, exit codes 0, 2 and 130, nothing run from a name."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import warnings

import pytest
from typer.testing import CliRunner

import ganwidgets.__main__ as main
from ganwidgets import doctor
from ganwidgets.__main__ import app


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120", "TERM": "dumb"})


def complaint(*arguments: object) -> str:
    """What is said on bad input: exit code 2, nothing on stdout, one sentence without a traceback."""
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and "Traceback" not in result.stderr
    return result.stderr


def test_help_teaches():
    assert "demo" in invoke("--help").output and "dissect" in invoke("--help").output
    shown = invoke("dissect", "--help").output
    for word in ("--layer", "--segmenter", "--rule", "--save", "Example", "Ctrl-C", "scenes@NAME"):
        assert word in shown


def test_runs_as_a_module_and_stays_light():
    code = "import sys, ganwidgets.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    done = subprocess.run([sys.executable, "-m", "ganwidgets", "--version"], capture_output=True, text=True)
    assert re.fullmatch(r"ganwidgets \d+\.\d+\.\d+\S*\n", done.stdout)


def test_dissect_reports_on_stdout_and_writes_both_files(tmp_path):
    out, save = tmp_path / "r.html", tmp_path / "r.gwd"
    handler = signal.getsignal(signal.SIGINT)
    result = invoke("dissect", "scenes", "--layer", "layer5", "--n", 48, "--out", out, "--save", save)
    assert result.exit_code == 0, result.stderr
    assert signal.getsignal(signal.SIGINT) is handler
    assert "layer5: 64 units, 48 images, rule top_fraction" in result.stdout
    assert str(out) in result.stdout and out.stat().st_size > 10_000

    from ganwidgets import dissect

    kept = dissect.load(save)
    assert kept.n == 48 and kept.complete and list(kept.layers) == ["layer5"]


def test_several_layers_and_the_other_rule(tmp_path):
    layers = ("--layer", "layer3", "--layer", "layer5")
    result = invoke("dissect", "scenes", *layers, "--rule", "iqr", "--n", 48, "--out", tmp_path / "r.html")
    assert result.exit_code == 0, result.stderr
    assert "layer3: " in result.stdout and "layer5: " in result.stdout and "rule iqr" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.pth",), "nowhere.pth"),
        (("scenes@nosuch",), "nosuch"),
        (("scenes", "--layer", "layer55"), "Did you mean 'layer5'"),
        (("scenes", "--segmenter", "sceens"), "Did you mean 'scenes'"),
        (("scenes", "--segmenter", "os.system"), "os.system"),
        (("scenes", "--n", "0"), "--n"),
        (("scenes", "--n", "many"), "--n"),
        (("scenes", "--rule", "best"), "top_fraction"),
        (("scenes", "--truncation", "-1"), "truncation"),
    ],
)
def test_bad_input_is_one_sentence(arguments, said, tmp_path):
    assert said in complaint("dissect", *arguments, "--out", tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


def test_the_rule_of_network_dissection_has_its_own_usual_share(tmp_path):
    from ganwidgets import dissect

    save, page = tmp_path / "r.gwd", tmp_path / "r.html"
    about = ("dissect", "scenes", "--layer", "layer5", "--n", 32, "--rule", "netdissect")
    result = invoke(*about, "--out", page, "--save", save)
    assert result.exit_code == 0 and "rule netdissect" in result.stdout
    found = dissect.load(save)
    assert (found.rule, found.options["top_fraction"]) == ("netdissect", 0.005)


def test_an_unwritable_place_is_noticed_before_the_work(tmp_path):
    assert "Create" in complaint("dissect", "scenes", "--n", 100_000, "--out", tmp_path / "no" / "r.html")
    assert "`--save`" in complaint(
        "dissect", "scenes", "--n", 100_000, "--out", tmp_path / "r.html", "--save", tmp_path
    )
    assert "`--out`" in complaint("demo", "--n", 100_000, "--out", tmp_path)


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_checkpoint_does_not_run(tmp_path):
    (tmp_path / "trap.pth").write_bytes(pickle.dumps({"layer1.conv.weight": Trap(tmp_path / "sprung")}))
    complaint("dissect", tmp_path / "trap.pth", "--out", tmp_path / "r.html")
    assert not (tmp_path / "sprung").exists()


def interrupt_after(monkeypatch, images: int) -> None:
    """Press Ctrl-C as soon as the progress bar shows so many images."""
    from ganwidgets import __main__ as cli

    started = cli._progress

    def pressing(n):
        context = started(n)
        bar = context.__enter__()

        class Pressing:
            def __enter__(self):
                return lambda done: (bar(done), done >= images and signal.raise_signal(signal.SIGINT))

            def __exit__(self, *error):
                return context.__exit__(*error)

        return Pressing()

    monkeypatch.setattr(cli, "_progress", pressing)


def test_ctrl_c_keeps_the_partial_result(tmp_path, monkeypatch):
    interrupt_after(monkeypatch, 64)
    out, save = tmp_path / "r.html", tmp_path / "r.gwd"
    result = invoke("dissect", "scenes", "--layer", "layer5", "--n", 5000, "--out", out, "--save", save)
    assert result.exit_code == 130, result.output
    assert f"kept in {save}" in result.stderr and not out.exists()

    from ganwidgets import dissect

    partial = dissect.load(save)
    assert 0 < partial.n < 5000 and not partial.complete


def test_ctrl_c_without_save_says_that_nothing_is_kept(tmp_path, monkeypatch):
    interrupt_after(monkeypatch, 64)
    result = invoke("dissect", "scenes", "--layer", "layer5", "--n", 5000, "--out", tmp_path / "r.html")
    assert result.exit_code == 130 and "--save" in result.stderr and not list(tmp_path.iterdir())


def test_ctrl_c_before_the_first_result_says_so(tmp_path, monkeypatch):
    interrupt_after(monkeypatch, 1)
    result = invoke("dissect", "scenes", "--n", 5000, "--out", tmp_path / "r.html", "--save", tmp_path / "r.gwd")
    assert result.exit_code == 130 and "too few" in result.stderr and not list(tmp_path.iterdir())


def test_layers_are_listed_with_the_default_one():
    shown = invoke("layers", "scenes").stdout.splitlines()
    assert [line.split()[:4] for line in shown if "default" in line] == [["layer6", "64", "16", "x"]]
    assert "layer5" in [line.split()[0] for line in shown]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("dissect", "scenes"), "Missing option '--out'. See ganwidgets dissect --help."),
        (("demo", "--n", 0), "See ganwidgets demo --help."),
        (("disect",), "No such command 'disect'"),
        (("dissect", "scenes", "--out", "x", "--save", "x"), "`--save` must be another file than `--out`"),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sentence in complaint(*arguments)
    assert not list(tmp_path.iterdir())


def test_demo_writes_a_page(tmp_path):
    result = invoke("demo", "--n", 64, "--out", tmp_path / "demo.html")
    assert result.exit_code == 0, result.stderr
    assert "layer5: 64 units" in result.stdout and "notebook" in result.stdout
    page = (tmp_path / "demo.html").read_text(encoding="utf-8")
    assert "UnitGrid" in page or "unit_grid" in page


def test_doctor_finds_nothing_wrong_here():
    result = invoke("doctor")
    assert result.exit_code == 0, result.output
    for word in ("torch", "device", "threads", "anywidget", "sha256 matches", "JupyterLab"):
        assert word in result.stdout


def test_doctor_exits_1_on_a_problem(monkeypatch):
    broken = doctor.Finding("torch", "missing", "pip install torch", needed=True)
    monkeypatch.setattr(doctor, "examine", lambda: [broken, doctor.Finding("x", "[red]y[/red]", "get x")])
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "problem" in result.stdout and "-> pip install torch" in result.stdout
    assert "[red]y[/red]" in result.stdout and "1 to put right" in result.stdout


def test_weights_are_compared_with_their_record(tmp_path):
    def findings(record: object) -> dict[str, doctor.Finding]:
        (tmp_path / "provenance.json").write_text(json.dumps(record))
        return {finding.topic: finding for finding in doctor.check_weights(tmp_path)}

    (tmp_path / "a.safetensors").write_bytes(b"abc")
    right = {"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}  # of "abc", FIPS 180-2
    assert findings({"gan": {"files": {"a.safetensors": right}}})["weights a.safetensors"].verdict == "ok"
    wrong = {"sha256": "0" * 64}
    assert findings({"gan": {"files": {"a.safetensors": wrong}}})["weights a.safetensors"].verdict == "problem"
    assert findings({"gan": {"files": {"b.safetensors": right}}})["weights b.safetensors"].value == "missing"
    assert findings({"gan": {"files": {}}})["weights a.safetensors"].verdict == "optional"
    assert findings({})["weights generator.safetensors"].value == "missing"
    assert findings([])["bundled weights"].verdict == "problem"
    (tmp_path / "provenance.json").unlink()
    assert [f.verdict for f in doctor.check_weights(tmp_path)] == ["problem"]


def test_names_from_a_file_cannot_move_the_cursor(capsys):
    main._say("a\x1b[31mb\x07\nc")
    assert capsys.readouterr().out == "a?[31mb?\nc\n"
    with main._one_sentence():
        warnings.simplefilter("always")
        warnings.warn("d\x1b[2Je", stacklevel=1)
    assert "d?[2Je" in capsys.readouterr().err
