"""What a stroke costs over the bare pass above its layer, and whether quick strokes pile up.

    python benchmarks/paint.py [--strokes 200] [--layers layer3 layer4 layer5 layer6]
    python benchmarks/paint.py --browser [--strokes 30] [--layers layer4]

A stroke is timed from `PaintController.paint(mask)` until its picture is published, in the background thread as in a
notebook: the mask is read, composited over all strokes before it, the network above the layer runs, the picture
becomes bytes. "Compute" is the part of it that works on tensors (composite, network, bytes); the rest is reading the
mask and telling everybody who listens, a constant that does not grow with the network. The bare pass is
`network.above(state)` for the same scene, timed in turn with the strokes. Ratios are those of each pair, as median
and middle half: of processor time (all threads together), which a busy machine hardly changes, and of the clock. The
last ten strokes are shown beside the first ten: a long stack does not make painting slower. Then the same number of
strokes is sent without waiting. One torch thread, the bundled generator.

With --browser the panel is in a real JupyterLab and Chromium, and a stroke is timed from pointer-up until the canvas
holds other pixels where it was painted. Beside it, in turn with the strokes and at their pace: an empty round trip
browser → Python → browser → painted in the same page; before them, the bare pass above the layer in the same kernel at
that pace. The aim is the round trip plus 1.3 passes. Round trips one after the other are shown too: they often wait for
the receipt of a message before (40 ms), which after a pause comes at once, so the aim is the lower one.
"""

import argparse
import shutil
import threading
import time

import numpy as np
import torch

import ganwidgets as gw
from ganwidgets.paint import PaintController


def masks(count: int, size: int = 64) -> list[np.ndarray]:
    """Soft discs at different places, 8-bit as a browser sends them."""
    rows, columns = np.mgrid[:size, :size]
    random = np.random.RandomState(0)
    places = random.randint(8, size - 8, (count, 2))
    return [(np.clip(8 - np.hypot(rows - y, columns - x), 0, 1) * 255).astype(np.uint8) for y, x in places]


def now() -> np.ndarray:
    """Processor time of all threads, and the clock [s]."""
    return np.array([time.process_time(), time.perf_counter()])


class Painter:
    """A controller, and how long each of its strokes takes to show."""

    def __init__(self, network, layer: str, units: int = 20) -> None:
        self.controller = PaintController(network, layer=layer, n_scenes=1, units=tuple(range(units)))
        self.controller.wait()
        self.controller.paint(masks(1)[0])  # the first one also computes the units' levels
        self.controller.wait()
        self.pictures, self.shown = 0, threading.Event()
        self.controller.observe(self._on_shown, "shown")
        draw = self.controller._canvas.pictures

        def timed(*given):
            start = time.process_time()
            pictures = draw(*given)
            self.compute = time.process_time() - start
            return pictures

        self.controller._canvas.pictures = timed

    def _on_shown(self, change) -> None:
        self.pictures += 1
        self.at = now()
        self.shown.set()

    def stroke(self, mask: np.ndarray) -> np.ndarray:
        """Processor time and clock until the picture with this stroke is there [s]."""
        self.shown.clear()
        start = now()
        self.controller.paint(mask)
        self.shown.wait()
        self.controller.wait()
        return self.at - start


def print_costs(network, layers: list[str], strokes: int) -> None:
    """One line a layer."""
    print("        above  stroke |  whole stroke, processor time        | compute (aim 1.15)    |  whole, by the clock")
    print("layer      ms      ms | ratio   middle half  first 10 last 10 | ratio   middle half   | ratio   middle half")
    for layer in layers:
        painter = Painter(network, layer)
        state = network.below(network.sample_z(1), layer, grad=False)
        bare, took = [], []
        for mask in masks(strokes):
            start = now()
            network.above(state, grad=False)
            bare.append((now() - start)[[0, 0, 1]])
            cpu, clock = painter.stroke(mask)
            took.append((cpu, painter.compute, clock))
        ratios = np.array(took) / bare  # (stroke, whole compute clock)
        whole, compute, clock = (
            "{1:6.2f}{0:8.2f} to {2:.2f}".format(*np.quantile(column, [0.25, 0.5, 0.75])) for column in ratios.T
        )
        first, last = (np.median(ratios[part, 0]) for part in (slice(10), slice(-10, None)))
        times = 1000 * np.median([np.array(bare)[:, 0], np.array(took)[:, 0]], axis=1)
        print(
            f"{layer:8}{times[0]:5.2f}{times[1]:8.2f} |{whole}{first:9.2f}{last:8.2f} |{compute}  |{clock}", flush=True
        )
        painter.controller.close()


def print_flood(network, layer: str, strokes: int) -> None:
    """Strokes as fast as Python sends them."""
    painter = Painter(network, layer)
    start = time.perf_counter()
    for mask in masks(strokes):
        painter.controller.paint(mask)
    sent = time.perf_counter() - start
    painter.controller.wait()
    done, controller = time.perf_counter() - start, painter.controller
    last = "shows all of them" if controller.shown.strokes == controller.strokes else "LACKS SOME"
    print(
        f"\n{strokes} strokes sent in {sent:.2f} s: {len(controller.strokes) - 1} are in the stack, {painter.pictures} "
        f"pictures were drawn, the last {last}, {1000 * (done - sent):.0f} ms after the last stroke."
    )
    controller.close()


CELLS = """
import time, torch
torch.set_num_threads(1)
import ganwidgets as gw
G = gw.load("scenes")
p = gw.paint.panel(G, run=False, layer="{layer}")
p.units = list(range(20))
p.wait()
state = G.below(G.sample_z(1), "{layer}")
p

def timed(pause, times=20):
    found = []
    for _ in range(times):
        time.sleep(pause)  # at the pace of the strokes: a pass after a pause is slower than one in a tight loop
        start = time.perf_counter()
        G.above(state, grad=False)
        found.append((time.perf_counter() - start) * 1000)
    return sorted(found)[times // 2]

print(timed({pause}))
"""
# Dabs at changing places; a stroke is over when the canvas of the picture holds other pixels there. Only that part is
# read: reading all of it in every frame would take as long as drawing it.
DABS = """async ([n, pause]) => {
  const stage = document.querySelector('.gw-mask-painter .gw-stage'), canvas = stage.querySelector('canvas');
  stage.scrollIntoView({block: 'center'});
  const frame = () => new Promise(requestAnimationFrame);
  const rest = () => new Promise(done => setTimeout(done, pause * 1000));
  const pixels = ([x, y]) => {
    const read = canvas.getContext('2d').getImageData(x * canvas.width - 48, y * canvas.height - 48, 96, 96);
    const data = new Uint32Array(read.data.buffer);
    let hash = 0;
    for (let i = 0; i < data.length; i += 7) hash = (hash * 31 + data[i]) | 0;
    return hash;
  };
  stage.setPointerCapture = () => {};
  const times = [], empty = [];
  for (let i = 0; i < n; i++) {
    empty.push(...await window.__echo(1));
    await rest();
    const box = canvas.getBoundingClientRect(), place = [0.15 + 0.7 * (i * 7 % 10) / 10, 0.2 + 0.6 * i / n];
    const before = pixels(place);
    const pen = {pointerId: 1, button: 0, isPrimary: true, bubbles: true, pointerType: 'pen',
      clientX: box.left + box.width * place[0], clientY: box.top + box.height * place[1]};
    stage.dispatchEvent(new PointerEvent('pointerdown', pen));
    await frame();
    const start = performance.now();
    stage.dispatchEvent(new PointerEvent('pointerup', pen));
    while (pixels(place) === before) {
      if (performance.now() - start > 20000) return {times, empty, error: 'stroke ' + i + ' changed nothing in 20 s'};
      await frame();
    }
    times.push(performance.now() - start);
    await rest();
  }
  return {times, empty, error: ''};
}"""
PAUSE = 1.5  # between strokes, about what the report on one takes [s]


def print_browser(layer: str, strokes: int) -> None:
    """Stroke-up to painted, in a page."""
    from panel import CELLS as OTHERS  # benchmarks/panel.py: the same JupyterLab, the same round trip
    from panel import READY, jupyterlab, run
    from playwright.sync_api import sync_playwright

    setup, timing = CELLS.format(layer=layer, pause=PAUSE).split("\np\n")
    chromium = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    with jupyterlab([f"{setup}\np", OTHERS[1].format(), timing]) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 1100})
        page.goto(f"{url}/lab/workspaces/auto-p/tree/panel.ipynb?reset")
        page.wait_for_selector(".jp-Notebook", timeout=60_000)
        page.wait_for_function(READY, timeout=60_000)
        run(page, 0)
        page.wait_for_selector('.gw-layout[data-ready="1"] .gw-stage', timeout=60_000)
        run(page, 1)
        page.wait_for_selector(".echo", timeout=20_000, state="attached")
        page.wait_for_timeout(2000)
        above = float(run(page, 2).split()[-1])
        quick = page.evaluate("n => window.__echo(n)", strokes)
        found = page.evaluate(DABS, [strokes, PAUSE])
        browser.close()
    if found["error"]:
        raise SystemExit(found["error"])
    trip, painted = (np.quantile(times, [0.25, 0.5, 0.75]) for times in (found["empty"], found["times"]))
    aims = [empty + 1.3 * above for empty in (trip[1], np.median(quick))]
    print(f"{layer}: bare pass above the layer, 1 image   {above:7.1f} ms")
    print("empty round trip, painted              {1:7.1f} ms   (middle half {0:.1f} to {2:.1f})".format(*trip))
    print(f"the same, one after the other          {np.median(quick):7.1f} ms")
    print("stroke-up → picture painted            {1:7.1f} ms   (middle half {0:.1f} to {2:.1f})".format(*painted))
    for aim in aims:
        print(f"aim: round trip + 1.3 · above          {aim:7.1f} ms; ratio to it {painted[1] / aim:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strokes", type=int, default=200)
    parser.add_argument("--layers", nargs="+", default=["layer3", "layer4", "layer5", "layer6"])
    parser.add_argument("--browser", action="store_true", help="time strokes in a real page instead")
    options = parser.parse_args()
    if options.browser:
        for layer in options.layers:
            print_browser(layer, options.strokes)
        return
    torch.set_num_threads(1)
    network = gw.load("scenes")
    print_costs(network, options.layers, options.strokes)
    print_flood(network, options.layers[0], options.strokes)


if __name__ == "__main__":
    main()
