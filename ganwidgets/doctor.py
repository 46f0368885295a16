"""What this installation has, what it lacks, and how to get it: the facts behind `ganwidgets doctor`.

A blank cell in a notebook has many causes outside this package (another environment, a missing extension, a
truncated download). `examine` looks at each of them without changing anything and returns one `Finding` a line;
it works where torch is missing or broken, because that is when it is needed.
"""

import hashlib
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parent
WEIGHTS = PACKAGE / "scenes" / "weights"
BUNDLES = PACKAGE / "ui" / "static"

_NEEDED = ("numpy", "scipy", "pandas", "matplotlib", "pillow", "safetensors", "jaxtyping", "traitlets")
_WEIGHTS = ("generator.safetensors", "segmenter.safetensors")
_CHROMIUM = ("chromium", "google-chrome", "chromium-browser")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        topic: what was looked at.
        value: what was found, in a few words.
        advice: what to do about it; empty when all is well.
        needed: whether the package does not work without it.
    """

    topic: str
    value: str
    advice: str = ""
    needed: bool = False

    @property
    def verdict(self) -> str:
        """`ok`, `optional` (missing, but only some things need it) or `problem`."""
        return "ok" if not self.advice else "problem" if self.needed else "optional"


def examine() -> Iterator[Finding]:
    """Look at everything, the cheap and fundamental things first."""
    yield Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.prefix}")
    yield from _packages()
    yield from _torch()
    yield from _notebook()
    yield from _bundled()
    yield from _developer()


def version(distribution: str) -> str:
    """The installed version of a distribution, or the empty string."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _packages() -> Iterator[Finding]:
    yield Finding("ganwidgets", f"{version('ganwidgets') or 'not installed, run from a folder'}, {PACKAGE}")
    missing = [name for name in _NEEDED if not version(name)]
    found = ", ".join(f"{name} {version(name)}" for name in _NEEDED if name not in missing)
    advice = f"pip install {' '.join(missing)}" if missing else ""
    yield Finding("libraries", found or "none", advice, needed=True)


def _torch() -> Iterator[Finding]:
    advice = "pip install torch (README, 'Install', says how to choose the CPU or a CUDA build)"
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        value = f"{version('torch')} does not import: {error}" if version("torch") else "missing"
        yield Finding("torch", value, advice, needed=True)
        return
    yield Finding("torch", torch.__version__)
    if torch.cuda.is_available():
        device = f"cuda: {torch.cuda.get_device_name(0)}"
    elif torch.backends.mps.is_available():
        device = "mps: Apple graphics"
    else:
        device = "cpu" + (f" (a build for CUDA {torch.version.cuda}; no usable GPU)" if torch.version.cuda else "")
    yield Finding("device", device)
    limit = os.environ.get("OMP_NUM_THREADS")
    threads = f"{torch.get_num_threads()} of {os.cpu_count()} processors"
    yield Finding("threads", threads + (f" (OMP_NUM_THREADS={limit})" if limit else ""))


def _notebook() -> Iterator[Finding]:
    widgets = [f"{name} {version(name)}" for name in ("anywidget", "ipywidgets") if version(name)]
    advice = "" if len(widgets) == 2 else "pip install anywidget ipywidgets"
    yield Finding("widgets", ", ".join(widgets) or "missing", advice, needed=True)
    lab = version("jupyterlab")
    yield Finding("JupyterLab", lab or "missing", "" if lab else "pip install 'ganwidgets[lab]'")
    if lab:
        extension = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "anywidget"
        there = extension.is_dir()
        advice = "" if there else "pip install --force-reinstall anywidget, then restart JupyterLab"
        yield Finding("JupyterLab extension", "found" if there else f"not in {extension.parent}", advice)
    jupyter = shutil.which("jupyter")
    if lab and jupyter and Path(jupyter).resolve().parent != Path(sys.executable).absolute().parent.resolve():
        here = Path(sys.executable).parent / "jupyter"
        advice = f"start it as {here} lab; a JupyterLab from another environment shows blank cells"
        yield Finding("`jupyter` on PATH", jupyter, advice)
    faces = version("gan-face-generate")
    if faces:
        advice = ""
    elif sys.version_info >= (3, 13):
        advice = "its package needs Python 3.11 or 3.12"
    else:
        advice = "pip install 'ganwidgets[faces]'"
    yield Finding("face generator", faces or "missing", advice)


def _bundled() -> Iterator[Finding]:
    bundles = sorted(BUNDLES.glob("*.js"))
    advice = "" if bundles else "reinstall ganwidgets; in a checkout run `make build`"
    yield Finding("front-end bundles", str(len(bundles)), advice, needed=True)
    yield from check_weights(WEIGHTS)


def check_weights(folder: Path) -> Iterator[Finding]:
    """Compare every bundled weights file with the hash that its provenance states.

    Args:
        folder: holds `*.safetensors` and `provenance.json`, whose sections name their files and hashes.
    """
    reinstall = "reinstall ganwidgets; in a checkout run `git checkout -- ganwidgets/scenes/weights`"
    try:
        record = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        stated = {name: facts["sha256"] for section in record.values() for name, facts in section["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield Finding("bundled weights", f"no readable provenance.json: {error}", reinstall, needed=True)
        return
    for name in sorted(stated.keys() | set(_WEIGHTS) | {path.name for path in folder.glob("*.safetensors")}):
        path = folder / name
        if not path.is_file():
            yield Finding(f"weights {name}", "missing", reinstall, needed=True)
        elif name not in stated:
            yield Finding(f"weights {name}", "not named in provenance.json", reinstall)
        elif hashlib.sha256(path.read_bytes()).hexdigest() != stated[name]:
            yield Finding(f"weights {name}", "differs from its stated sha256", reinstall, needed=True)
        else:
            yield Finding(f"weights {name}", f"{path.stat().st_size / 1e6:.1f} MB, sha256 matches")


def _developer() -> Iterator[Finding]:
    """What `make test` needs beyond a user's installation."""
    if not (PACKAGE.parent / "Makefile").is_file():
        return
    node = shutil.which("node")
    found = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip() if node else ""
    yield Finding("Node.js (make test)", found or "missing", "" if found else "install Node.js 20 or newer")
    browser = next((path for name in _CHROMIUM if (path := shutil.which(name))), "")
    advice = "" if browser else f"apt-get install chromium, or {sys.executable} -m playwright install chromium"
    yield Finding("Chromium (make test)", browser or "none on PATH", advice)
