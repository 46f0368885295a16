"""What is shipped works: wheel and sdist built here, installed elsewhere, the demo run from there, without Node."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUNDLES = sorted(path.name for path in (ROOT / "ganwidgets" / "ui" / "static").glob("*.js"))
WEIGHTS = sorted(path.name for path in (ROOT / "ganwidgets" / "scenes" / "weights").iterdir())

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs the repository"),
]


def run(*command: str | Path, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess:
    """Run with a PATH on which there is nothing but `path`: no Node, no npm, no git."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")}
    environment["PATH"] = str(path or cwd)
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """Wheel (built from the sdist) and sdist."""
    out = tmp_path_factory.mktemp("dist")
    empty = tmp_path_factory.mktemp("empty")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=empty)
    return out


@pytest.fixture(scope="module")
def elsewhere(dist, tmp_path_factory) -> Path:
    """A fresh environment with the wheel; everything else comes from the outer one through a .pth file."""
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home.parent)
    python = home / "bin" / "python"
    wheel = next(dist.glob("*.whl"))
    # Before the .pth file: pip must not see, let alone uninstall, what the outer environment has.
    install = ("install", "--quiet", "--no-deps", "--no-index", wheel)
    run(sys.executable, "-m", "pip", "--python", python, *install, cwd=home.parent)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    inner = Path(run(python, "-c", ask, cwd=home.parent).stdout.strip())
    outer = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (inner / "outer.pth").write_text("\n".join(sorted(outer)) + "\n")
    return home


def test_wheel_holds_the_package_and_nothing_else(dist):
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    roots = {name.split("/")[0] for name in names}
    assert {"ganwidgets"} == {root for root in roots if not root.endswith(".dist-info")}
    assert BUNDLES and {f"ganwidgets/ui/static/{name}" for name in BUNDLES} <= set(names)
    assert WEIGHTS and {f"ganwidgets/scenes/weights/{name}" for name in WEIGHTS} <= set(names)
    assert not [name for name in names if "test_" in name or name.endswith((".ts", ".ipynb", ".pyc"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_sdist_holds_what_a_packager_needs(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", ".ci/run"}
    wanted |= {"js/package.json", "js/package-lock.json", "notebooks/00-start.ipynb", "docs/dissect.md"}
    wanted |= {f"ganwidgets/ui/static/{name}" for name in BUNDLES}
    wanted |= {f"ganwidgets/scenes/weights/{name}" for name in WEIGHTS}
    assert wanted <= names, sorted(wanted - names)
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name or name.startswith(".venv")]


def test_demo_runs_from_the_installed_wheel(elsewhere, tmp_path):
    where = run(elsewhere / "bin" / "python", "-c", "import ganwidgets; print(ganwidgets.__file__)", cwd=tmp_path)
    assert str(elsewhere) in where.stdout
    done = run(elsewhere / "bin" / "ganwidgets", "demo", "--n", "64", "--out", "page.html", cwd=tmp_path)
    assert "64 images" in done.stdout and "page.html" in done.stdout
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>") and 50_000 < len(page) < 12_000_000
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["']?(https?:[^"'>\s]+)""", page)
    assert not loaded, f"the page asks the network for {loaded}"


def test_installed_module_and_doctor_run(elsewhere, tmp_path):
    assert "ganwidgets" in run(elsewhere / "bin" / "python", "-m", "ganwidgets", "--version", cwd=tmp_path).stdout
    report = run(elsewhere / "bin" / "ganwidgets", "doctor", cwd=tmp_path).stdout
    assert "sha256 matches" in report and "problem" not in report


def test_components_import_without_torch(elsewhere, tmp_path):
    code = "import ganwidgets.ui, sys; assert 'torch' not in sys.modules; print(len(ganwidgets.ui.__all__))"
    assert int(run(elsewhere / "bin" / "python", "-c", code, cwd=tmp_path).stdout) > 0
