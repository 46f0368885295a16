"""README and docs say what is there: every public name, every command, every link, every snippet."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PUBLIC = ("", ".models", ".segment", ".dissect", ".ablate", ".paint", ".invert", ".coverage", ".ui", ".testing")

pytestmark = pytest.mark.skipif(not (ROOT / "README.md").is_file(), reason="needs the repository")


def text(pages: list[Path] = PAGES) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def in_code(pages: list[Path]) -> str:
    """Only what stands in code: console blocks and backticks."""
    blocks = [block for page in pages for block in fenced(page, "console")]
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", text(pages)))


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_is_in_the_reference(module):
    names = importlib.import_module(f"ganwidgets{module}").__all__
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", "\n".join(re.findall(r"`([^`\n]+)`", reference))))
    undocumented = [name for name in names if not name.startswith("__") and name not in words]
    assert not undocumented, f"docs/reference.md does not name {undocumented} of ganwidgets{module}"


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_has_a_docstring(module):
    namespace = importlib.import_module(f"ganwidgets{module}")
    bare = [
        name
        for name in namespace.__all__
        if (callable(thing := getattr(namespace, name)) and not (thing.__doc__ or "").strip())
    ]
    assert not bare, f"no docstring: {bare} of ganwidgets{module}"


def test_make_targets_named_in_the_docs_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]+)", in_code(PAGES)))
    assert {"demo", "test", "lab"} <= named
    assert named <= targets, f"no such target: {sorted(named - targets)}"


def test_commands_named_in_the_docs_exist():
    from ganwidgets.__main__ import app

    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    named = set(re.findall(r"(?:^|\n)ganwidgets ([a-z]+)", in_code(PAGES)))
    assert {"demo", "doctor", "dissect"} <= commands & named
    assert named <= commands, f"no such command: {sorted(named - commands)}"


def test_options_named_for_dissect_exist():
    from typer.testing import CliRunner

    from ganwidgets.__main__ import app

    shown = CliRunner().invoke(app, ["dissect", "--help"], env={"COLUMNS": "200"}).output
    for line in re.findall(r"(?:^|\n)(ganwidgets dissect [^\n]*)", in_code(PAGES)):
        for option in re.findall(r"(?<!\S)--[a-z-]+", line):
            assert option == "--help" or option in shown, f"{option} in {line!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (page.parent / target.split("#")[0]).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", [page for page in PAGES if fenced(page, "python")], ids=lambda page: page.name)
def test_snippets_compile(page):
    for snippet in fenced(page, "python"):
        compile(snippet, page.name, "exec")


def test_snippets_of_the_readme_use_names_that_exist():
    import ganwidgets as gw

    for dotted in set(re.findall(r"\bgw((?:\.\w+)+)", text())):
        thing = gw
        for name in dotted.strip(".").split("."):
            assert hasattr(thing, name), f"gw{dotted} does not exist"
            thing = getattr(thing, name)


@pytest.mark.slow
def test_the_script_of_the_readme_runs(tmp_path, monkeypatch):
    script = next(s for s in fenced(ROOT / "README.md", "python") if "gw.dissect.run" in s)
    monkeypatch.chdir(tmp_path)
    exec(compile(script.replace("n=1000", "n=64"), "README.md", "exec"), {})
    assert (tmp_path / "layer5.gwd").is_file() and (tmp_path / "layer5.html").is_file()


def test_version_is_the_same_everywhere():
    import tomllib

    import ganwidgets

    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert ganwidgets.__version__ == stated
    assert f"## {stated}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
