"""A real JupyterLab and a real Chromium for the browser tests.

`lab` starts one JupyterLab for the session with settings of its own and a copy of the notebooks; `open_notebook`
gives a `Notebook` whose kernel is ready, `open_cells` one made of given sources; `hand_on` puts a hand on a painter;
`watched` pages fail the test for console errors and for requests that left this machine. Chromium is Debian's, a
Google Chrome, or Playwright's own. Where there is none the tests skip, saying so, unless GANWIDGETS_REQUIRE_BROWSER=1
turns that into a failure.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def refuse(reason: str) -> None:
    """Skip for want of a browser, or fail where the environment says that browser tests must run."""
    if os.environ.get("GANWIDGETS_REQUIRE_BROWSER") == "1":
        pytest.fail(f"GANWIDGETS_REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(f"BROWSER TESTS NOT RUN: {reason}")


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Headless Chromium, started once."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        refuse("playwright is not installed (pip install 'ganwidgets[test]')")
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    flags = [*FLAGS, "--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else FLAGS
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=found, args=flags)
        except Error as error:
            if found:
                raise
            first = str(error).strip().splitlines()[0]
            refuse(f"no Chromium: apt-get install chromium, or python -m playwright install chromium ({first})")
        yield chromium
        chromium.close()


@dataclass
class Watch:
    """What a page did that it should not have."""

    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    forgiven: tuple[str, ...] = ()  # errors that are not ours

    def attach(self, page) -> None:
        page.on("console", lambda message: message.type == "error" and self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", lambda request: self._judge(request.url))
        page.on("websocket", lambda socket: self._judge(socket.url))

    def _judge(self, url: str) -> None:
        parts = urlparse(url)
        if parts.scheme not in ("data", "blob", "file", "about") and parts.hostname != "127.0.0.1":
            self.foreign.append(url)

    def check(self) -> None:
        assert not self.foreign, f"requests left this machine: {self.foreign}"
        errors = [text for text in self.console if text not in self.forgiven]
        assert not errors, f"console errors: {errors}"


@pytest.fixture(scope="session")
def watched(browser) -> Callable:
    """`with watched() as page:` gives a page; leaving the block demands a quiet console and no foreign request."""

    @contextmanager
    def open_page(forgiven: tuple[str, ...] = (), **options: object) -> Iterator:
        context = browser.new_context(viewport={"width": 1280, "height": 1000}, **options)
        page, watch = context.new_page(), Watch(forgiven=forgiven)
        watch.attach(page)
        try:
            yield page
        finally:
            context.close()
        watch.check()

    return open_page


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    folder: Path
    log: Path


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory) -> Iterator[Lab]:
    """JupyterLab with its own settings and a copy of the notebooks as its root folder."""
    home = tmp_path_factory.mktemp("jupyter")
    work = home / "work"
    shutil.copytree(ROOT / "notebooks", work, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    folders = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
    environment = os.environ | {f"JUPYTER_{name}": str(home / folder) for name, folder in folders.items()}
    environment |= {
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "NO_PROXY": "127.0.0.1",
    }
    environment.setdefault("OMP_NUM_THREADS", "1")  # the browser needs a core too; two threads on one crawl
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True",
        f"--ServerApp.root_dir={work}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]
    log = home / "log"
    with log.open("w") as file:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, cwd=work, env=environment, stdout=file, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for_server(url, server, log)
        yield Lab(url, work, log)
    finally:
        server.terminate()  # the server ends its kernels
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_server(url: str, server: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            pytest.fail(f"JupyterLab ended by itself:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(f"{url}/api/status", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not answer within {seconds:.0f} s:\n{log.read_text()[-3000:]}")


READY = """async () => {
  const app = window.jupyterapp;
  if (!app) return false;
  await app.restored;
  const panel = app.shell.currentWidget;
  if (!panel || !panel.sessionContext) return false;
  await panel.sessionContext.ready; await panel.context.ready;
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) return false;
  await kernel.info;
  return kernel.status === 'idle' && kernel.connectionStatus === 'connected';
}"""

# The outcome is left on `window`: evaluating a command's own result would have Playwright serialise all of Lab.
RUN = """([index, source]) => {
  const content = window.jupyterapp.shell.currentWidget.content;
  if (source !== null) content.widgets[index].model.sharedModel.setSource(source);
  content.activeCellIndex = index; content.deselectAll();
  window.__ran = null;
  window.jupyterapp.commands.execute('notebook:run-cell').then(
    () => { window.__ran = 'done'; }, error => { window.__ran = String(error); });
}"""

OUTPUTS = """index => {
  const cell = window.jupyterapp.shell.currentWidget.content.widgets[index];
  if (cell.model.type !== 'code') return [];
  return cell.model.outputs.toJSON().map(o => o.output_type === 'error'
    ? {error: (o.ename || '') + ': ' + (o.evalue || '')}
    : {text: [o.text ?? (o.data ? o.data['text/plain'] : '')].flat().join(''), kind: o.output_type});
}"""


class Notebook:
    """One open notebook: run cells, read what they printed, find what they show."""

    def __init__(self, page, lab: Lab, name: str) -> None:
        self.page, self.lab = page, lab
        page.goto(f"{lab.url}/lab/workspaces/auto-{time.monotonic_ns()}/tree/{name}?reset")
        page.wait_for_selector(".jp-Notebook", timeout=60_000)
        page.wait_for_function(READY, timeout=60_000)
        self.sources: list[tuple[str, str]] = page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.content.widgets.map("
            "w => [w.model.type, w.model.sharedModel.getSource()])"
        )

    def find(self, text: str) -> int:
        """The first code cell that contains `text`."""
        found = [i for i, (kind, source) in enumerate(self.sources) if kind == "code" and text in source]
        assert found, f"no code cell contains {text!r}"
        return found[0]

    def run(self, index: int, source: str | None = None, seconds: float = 120) -> list[dict]:
        """Run a cell (with another source, if given) and return its outputs; an error in it fails the test."""
        self.page.evaluate(RUN, [index, source])
        try:
            self.page.wait_for_function("() => window.__ran !== null", timeout=seconds * 1000)
        except Exception:
            pytest.fail(f"cell {index} did not finish in {seconds} s: {self.outputs(index)}\n{self.log()}")
        outputs = self.outputs(index)
        errors = [output["error"] for output in outputs if "error" in output]
        assert not errors, f"cell {index} ({self.sources[index][1][:80]!r}): {errors}"
        return outputs

    def run_all(self) -> None:
        for index, (kind, _) in enumerate(self.sources):
            if kind == "code":
                self.run(index)

    def outputs(self, index: int) -> list[dict]:
        return self.page.evaluate(OUTPUTS, index)

    def ask(self, expression: str) -> str:
        """Evaluate Python in the notebook's kernel and return what it prints; uses the last code cell."""
        last = max(index for index, (kind, _) in enumerate(self.sources) if kind == "code")
        printed = self.run(last, f"print({expression})")
        return "".join(output["text"] for output in printed if output.get("kind") == "stream").strip()

    def eventually(self, check: Callable[[], object], seconds: float = 10) -> None:
        """Wait until something is true, on the page or in the kernel."""
        for _ in range(int(seconds * 20)):
            if check():
                return
            self.page.wait_for_timeout(50)
        assert check()

    def hovering(self, place: object, check: Callable[[], object]) -> None:
        """Hover until something is true: asking the kernel may scroll the place away from under the mouse."""

        def again() -> object:
            place.hover()
            return check()

        self.eventually(again)

    def save(self) -> None:
        """Save the notebook, and wait until it is written."""
        self.page.evaluate(
            "() => { window.__ran = null;"
            " window.jupyterapp.commands.execute('docmanager:save').then(() => { window.__ran = 'done'; }) }"
        )
        self.page.wait_for_function("() => window.__ran !== null", timeout=30_000)

    def cell(self, index: int):
        """The cell's element, to look for components in it."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def log(self) -> str:
        return self.lab.log.read_text()[-2000:]


@pytest.fixture(scope="session")
def open_notebook(watched, lab) -> Callable:
    """`with open_notebook(name) as notebook:` opens a notebook of `notebooks/`, its kernel ready, its page watched."""

    @contextmanager
    def opened(name: str) -> Iterator[Notebook]:
        with watched() as page:
            yield Notebook(page, lab, name)

    return opened


@pytest.fixture(scope="session")
def open_cells(lab, open_notebook) -> Callable:
    """`with open_cells(name, *sources) as notebook:` opens a new notebook; a cell for `ask` is its last one."""

    @contextmanager
    def opened(name: str, *sources: str) -> Iterator[Notebook]:
        code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python"}}
        cells = [code | {"id": f"c{i}", "source": source} for i, source in enumerate([*sources, "print()"])]
        book = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}
        (lab.folder / name).write_text(json.dumps(book))
        with open_notebook(name) as notebook:
            yield notebook

    return opened


class Hand:
    """A hand on a mask painter: places are shares of the picture's width and height."""

    def __init__(self, view) -> None:
        self.view, self.page = view, view.page
        self.stage = view.locator(".gw-mask-painter .gw-stage").first

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the picture is on the page."""
        box = self.stage.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """One stroke with the mouse."""
        mouse = self.page.mouse
        mouse.move(*self.place(*start))
        mouse.down()
        mouse.move(*self.place(*end), steps=6)
        mouse.up()

    def touch(self, *steps: tuple[tuple[float, float], ...]) -> None:
        """One gesture of fingers: a tuple of places for each moment; they are lifted at the end."""
        session = self.page.context.new_cdp_session(self.page)
        for number, places in enumerate([*steps, ()]):
            kind = "touchEnd" if not places else "touchMove" if number else "touchStart"
            at = [dict(zip("xy", self.place(*place), strict=True), id=i) for i, place in enumerate(places)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})
        session.detach()

    def burst(self, n: int = 200) -> None:
        """`n` dabs of a pen within one turn of the page's loop, each further right than the last."""
        self.stage.evaluate(
            """(stage, n) => {
              const box = stage.getBoundingClientRect();
              const pen = {pointerId: 1, button: 0, isPrimary: true, bubbles: true, pointerType: 'pen'};
              const send = (type, i) => stage.dispatchEvent(new PointerEvent(type, {...pen,
                clientX: box.left + i / n * box.width, clientY: box.top + 0.6 * box.height}));
              stage.setPointerCapture = () => {};
              for (let i = 0; i < n; i++) { send('pointerdown', i); send('pointerup', i); }
              delete stage.setPointerCapture;
            }""",
            n,
        )


@pytest.fixture(scope="session")
def hand_on() -> Callable:
    """`hand_on(view)` gives the `Hand` on the painter in a view."""
    return Hand
