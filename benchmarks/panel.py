"""How long from a click on a unit until the pictures without it are painted, in a real JupyterLab and Chromium.

    python benchmarks/panel.py [--clicks 30] [--layer layer5] [--screenshot panel.png]

Printed beside it: an empty round trip browser → Python → browser → painted in the same page, and the bare pass of the
network above the layer for the same twelve images. The aim is their sum plus 30 %; during a running dissection, plus
one batch. Everything is measured in one run on one torch thread; "painted" is when the canvas holds other pixels.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CELLS = [
    """
import time, torch
torch.set_num_threads(1)
import ganwidgets as gw
G = gw.load("scenes")
panel = gw.dissect.panel(G, "{layer}", n=256)
panel.wait()
panel
""",
    """
import anywidget

class Echo(anywidget.AnyWidget):
    _esm = '''
    function render({{ model, el }}) {{
      el.className = "echo";
      const trip = () => new Promise(done => {{
        const start = performance.now();
        const back = () => {{
          model.off("msg:custom", back);
          el.textContent = String(start);
          requestAnimationFrame(() => done(performance.now() - start));
        }};
        model.on("msg:custom", back);
        model.send({{}});
      }});
      window.__echo = async n => {{
        const times = [];
        for (let i = 0; i < n; i++) {{ times.push(await trip()); await new Promise(r => setTimeout(r, 50)); }}
        return times;
      }};
    }}
    export default {{ render }};
    '''

echo = Echo()
echo.on_msg(lambda widget, content, buffers: widget.send({{}}))
echo
""",
    """
def timed(work, pause, times=20):
    found = []
    for _ in range(times):
        time.sleep(pause)  # at the pace of the clicks: a pass after a pause is slower than one in a tight loop
        start = time.perf_counter()
        work()
        found.append((time.perf_counter() - start) * 1000)
    return sorted(found)[times // 2]

state = G.below(G.sample_z(12), "{layer}")
edited = gw.zero_units([3]).apply(state.acts)
run = gw.dissect.DissectionRun(G, panel.segmenter, gw.dissect.Options(layers=("{layer}",), n=32 * 24))
steps = run.steps()
next(steps), next(steps), next(steps)
print(timed(lambda: G.above(state, edited), 0.7), timed(lambda: next(steps), 0))
""",
    """
panel.n = 20_000
panel.dissecting.run()
""",
    """
panel.dissecting.cancel()
panel.wait()
print(panel.result.n)
""",
]

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
RUN = """index => {
  const content = window.jupyterapp.shell.currentWidget.content;
  content.activeCellIndex = index; content.deselectAll();
  window.__ran = null;
  window.jupyterapp.commands.execute('notebook:run-cell').then(
    () => { window.__ran = 'done'; }, error => { window.__ran = String(error); });
}"""
PRINTED = """index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.outputs.toJSON()
  .map(o => o.output_type === 'error' ? 'ERROR ' + o.evalue : [o.text ?? ''].flat().join('')).join('')"""
# Clicks cards in turn (ctrl: add and remove); a click is over when the picture canvas holds other pixels.
CLICKS = """async n => {
  const cards = [...document.querySelectorAll('.gw-unit-grid .gw-card')].slice(0, 3);
  const canvas = document.querySelector('.gw-image-grid canvas');
  const frame = () => new Promise(requestAnimationFrame);
  const pixels = () => {
    const data = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    let hash = 0;
    for (let i = 0; i < data.length; i += 7) hash = (hash * 31 + data[i]) | 0;
    return hash;
  };
  const times = [];
  for (let i = 0; i < n; i++) {
    const card = cards[i % cards.length], box = card.getBoundingClientRect(), before = pixels();
    const options = {bubbles: true, cancelable: true, composed: true, button: 0, pointerId: 1, isPrimary: true,
      pointerType: 'mouse', clientX: box.x + 40, clientY: box.y + 12, ctrlKey: true};
    const start = performance.now();
    for (const [type, buttons] of [['pointerdown', 1], ['pointerup', 0]])
      card.dispatchEvent(new PointerEvent(type, {...options, buttons}));
    card.dispatchEvent(new MouseEvent('click', options));
    while (pixels() === before) {
      if (performance.now() - start > 20000) return {times, error: 'click ' + i + ' changed nothing in 20 s'};
      await frame();
    }
    times.push(performance.now() - start);
    await new Promise(done => setTimeout(done, 700));
  }
  return {times, error: ''};
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=30)
    parser.add_argument("--layer", default="layer5")
    parser.add_argument("--screenshot", help="also write a picture of the panel")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    cells = [cell.format(layer=options.layer).strip() for cell in CELLS]
    chromium = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    with jupyterlab(cells) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.goto(f"{url}/lab/workspaces/auto-p/tree/panel.ipynb?reset")
        page.wait_for_selector(".jp-Notebook", timeout=60_000)
        page.wait_for_function(READY, timeout=60_000)
        run(page, 0)
        page.wait_for_selector('.gw-layout[data-ready="1"] .gw-card', timeout=60_000)
        run(page, 1)
        page.wait_for_selector(".echo", timeout=20_000, state="attached")
        page.wait_for_timeout(2000)
        above, batch = map(float, run(page, 2).split()[-2:])
        empty = page.evaluate("n => window.__echo(n)", options.clicks)
        alone = clicks(page, options.clicks)
        if options.screenshot:
            page.locator(".gw-layout").first.screenshot(path=options.screenshot)
        run(page, 3)
        page.wait_for_timeout(3000)
        empty_busy = page.evaluate("n => window.__echo(n)", options.clicks)
        during = clicks(page, options.clicks)
        seen = int(run(page, 4).split()[-1])
        browser.close()
    report(empty, empty_busy, alone, during, above, batch, seen)


def report(
    empty: list[float],
    empty_busy: list[float],
    alone: list[float],
    during: list[float],
    above: float,
    batch: float,
    seen: int,
) -> None:
    """Print medians in milliseconds and the ratios to what they should be."""
    middle = statistics.median
    print(f"bare pass above the layer, 12 images       {above:7.1f} ms")
    print(f"one batch of the dissection, 32 images     {batch:7.1f} ms")
    for name, trips, found, extra in (
        ("alone", empty, alone, 0.0),
        (f"during a dissection ({seen} images meanwhile)", empty_busy, during, batch),
    ):
        aim = 1.3 * (middle(trips) + above) + extra
        worst = sorted(found)[int(0.95 * len(found))]
        print(f"{name}")
        print(f"  empty round trip, painted                {middle(trips):7.1f} ms")
        print(f"  click on a unit → pictures painted       {middle(found):7.1f} ms   (95 %: {worst:.1f})")
        print(f"  aim: 1.3 · (empty + above){' + batch' if extra else '        '}       {aim:7.1f} ms")
        print(f"  ratio to the aim                         {middle(found) / aim:7.2f}")


def clicks(page, n: int) -> list[float]:
    found = page.evaluate(CLICKS, n)
    if found["error"]:
        sys.exit(found["error"])
    return found["times"]


def run(page, index: int) -> str:
    """Run a cell; what it printed."""
    page.evaluate(RUN, index)
    page.wait_for_function("() => window.__ran !== null", timeout=300_000)
    printed = page.evaluate(PRINTED, index)
    if "ERROR" in printed:
        sys.exit(f"cell {index}: {printed}")
    return printed


@contextmanager
def jupyterlab(cells: list[str]) -> Iterator[str]:
    """A JupyterLab of its own, with these cells in panel.ipynb; gives its address."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        home = Path(folder)
        (home / "work").mkdir()
        code = [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
            for i, cell in enumerate(cells)
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = {"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        (home / "work" / "panel.ipynb").write_text(json.dumps(notebook))
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        names += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
        environment = os.environ | {name: str(home / name.lower()) for name in names} | {"NO_PROXY": "127.0.0.1"}
        root = Path(__file__).parents[1]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
        server = subprocess.Popen(
            [
                *[
                    sys.executable,
                    "-m",
                    "jupyterlab",
                    "--no-browser",
                    "--allow-root",
                    "--ip=127.0.0.1",
                    f"--port={port}",
                ],
                *["--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.password="],
                *["--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={home / 'work'}"],
                *["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"],
            ],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"{url}/api/status", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield url
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
