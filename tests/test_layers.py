"""Which way the arrows point (docs/architecture.md): compute <- controller <- panel -> ui."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ganwidgets"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "static" not in path.parts)
CAPABILITIES = {path.parent.name for path in PACKAGE.glob("*/controller*.py")}
FRONT = {"__init__.py", "__main__.py", "demo.py", "doctor.py"}  # what a person types; may reach for anything
ASKED = {("dissection.py", "ganwidgets.dissect.panel")}  # Dissection.to_html draws, when it is called
SESSION = {"traitlets", "ganwidgets.jobs", "ganwidgets.wiring", "ganwidgets.session"}
PICTURE = {"ipywidgets", "anywidget", "ganwidgets.ui"}


def imports(path: Path) -> set[str]:
    """Dotted names of everything a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def forbidden(path: Path) -> set[str]:
    folder, name = path.parent.name, path.name
    others = {f"ganwidgets.{other}" for other in CAPABILITIES - {folder}}
    if folder == "ui":
        return {"torch", "ganwidgets.models", "ganwidgets.segment", "ganwidgets.nn"} | others | SESSION - {"traitlets"}
    if name.startswith("panel"):
        return {"torch"}
    if name.startswith("controller") or (path.parent == PACKAGE and name in ("jobs.py", "wiring.py", "session.py")):
        return PICTURE | others
    return set() if name in FRONT else SESSION | PICTURE | others


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_arrow_points_back(path):
    used = {name for name in imports(path) if (path.name, name.removesuffix(".dissection_page")) not in ASKED}
    wrong = {name for name in used for bad in forbidden(path) if name == bad or name.startswith(f"{bad}.")}
    assert not wrong, f"{path.relative_to(PACKAGE)} may not import {sorted(wrong)}"
