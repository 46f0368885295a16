"""One self-contained page from any component: its state, its scripts and its styles, no kernel and no network."""

import base64
import hashlib
import html
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ganwidgets.ui.component import STATIC, Component
from ganwidgets.ui.layout import Layout
from ganwidgets.ui.traits import plain

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="generator" content="ganwidgets">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main id="gw-root"></main>
<noscript>This page needs JavaScript to show its pictures.</noscript>
<script type="application/json" id="gw-page">{data}</script>
<script>{host}</script>
</body>
</html>
"""


def page(
    component: Component,
    *,
    title: str | None = None,
    instead: Mapping[Component, Mapping[str, object]] | None = None,
) -> str:
    """The text of a page that shows `component` and, for a `Layout`, everything inside it.

    Sorting, filtering, selecting and the links of layouts work; what needs a kernel is shown disabled with the reason.

    Args:
        component: what to show.
        title: of the page.
        instead: values that some components have on the page only, by trait.
    """
    models: dict[str, dict] = {}
    scripts: dict[str, str] = {}
    styles: dict[str, str] = {}

    def add(widget: Component) -> str:
        name = f"m{len(models)}"
        models[name] = {}
        kind = type(widget).__name__
        scripts[kind], styles[kind] = str(widget._esm), str(widget._css)
        state = {trait: getattr(widget, trait) for trait in widget.own_traits()}
        state |= {trait: plain(value) for trait, value in (instead or {}).get(widget, {}).items()}
        if isinstance(widget, Layout):
            state["children"] = [f"anywidget:{add(child)}" for child in widget.children]
        buffers: list[dict] = []
        models[name] = {
            "kind": kind,
            "state": _extract(state | {"live": False, "error": ""}, [], buffers),
            "buffers": buffers,
        }
        return name

    root = add(component)
    heading = title or getattr(component, "title", "") or "ganwidgets"
    data = json.dumps({"root": root, "models": models, "scripts": scripts}, ensure_ascii=False, allow_nan=False)
    host = (STATIC / "host.js").read_text(encoding="utf-8")
    style = "\n".join([(STATIC / "host.css").read_text(encoding="utf-8"), *styles.values()])
    digest = base64.b64encode(hashlib.sha256(host.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}' blob:; style-src 'unsafe-inline'; img-src data: blob:;"
        " base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        title=html.escape(heading),
        style=style.replace("</", "<\\/"),
        data=_inert(data),
        host=host,
    )


def write(path: str | os.PathLike[str], text: str) -> Path:
    """Writes `text` under a temporary name and renames it, so that a reader never meets half a page."""
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"`path` must lie in an existing folder, but {str(target.parent)!r} is none.")
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        temporary.chmod(0o644)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target


def _extract(value: object, path: list[str | int], buffers: list[dict]) -> object:
    """Takes bytes out of a state; each leaves its place and its content in `buffers`."""
    if isinstance(value, bytes):
        buffers.append({"path": path, "data": base64.b64encode(value).decode()})
        return None
    if isinstance(value, dict):
        return {name: _extract(item, [*path, name], buffers) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_extract(item, [*path, i], buffers) for i, item in enumerate(value)]
    return value


def _inert(text: str) -> str:
    """JSON that cannot end or open an element, whatever its strings say."""
    return (
        text.replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )
