"""On a bare machine: no compiler, no network, a home nobody may write to but for the cache folder. All works.

What the interpreter does is noted by its own audit hook: files opened for writing, folders made, programs started,
sockets connected. What it does not see (compiled code) shows in the folders afterwards.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

WATCH = """
import os, sys
import torch  # where there are CUDA libraries it asks the system's linker for them as it is imported

done = []
def watch(event, args):
    if event == "open":
        path, mode, flags = args
        wanted = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        if isinstance(path, (str, bytes)) and flags & wanted and os.fsdecode(path) != os.devnull:
            done.append([event, os.fsdecode(path)])
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link"):
        done.append([event, os.fsdecode(args[0])])
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        done.append([event, str(args[0])])
    elif event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        done.append([event, str(args[1:])])
        raise OSError("there is no network here")
sys.addaudithook(watch)
import json
import ganwidgets as gw
steps = {}
def told(step):
    steps[step] = done[:]
    done.clear()
"""

WORK = """
from ganwidgets.models import StyleGAN2, StyleGAN2Generator

G = gw.load("scenes", device="auto")
images = G.images(G.sample_z(2, seed=1))
told("render")

torch.manual_seed(0)
styled = StyleGAN2Generator(StyleGAN2([8, 8, 8]))
assert styled.images(styled.sample_z(2), clamp=False).isfinite().all()
told("styled")

segmenter = gw.segment.load("scenes")
gw.dissect.run(G, segmenter=segmenter, layer="layer4", n=32)
told("dissect")

gw.dissect.run(G, segmenter=segmenter, layer="layer4", n=32, cache=True)
told("keep")
"""


def run_bare(home: Path) -> dict[str, list[list[str]]]:
    """What Python code did besides computing, by step, in a home of its own with empty folders and an empty PATH."""
    folders = {name: home / name for name in ("home", "work", "tmp", "bin")}
    for folder in folders.values():
        folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if name in ("SYSTEMROOT", "LD_LIBRARY_PATH", "LANG")}
    places = {"HOME": "home", "USERPROFILE": "home", "TMPDIR": "tmp", "PATH": "bin"}
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment = kept | {name: str(folders[folder]) for name, folder in places.items()} | quiet
    command = [sys.executable, "-W", "error", "-c", WATCH + WORK + "print(json.dumps(steps))"]
    done = subprocess.run(command, cwd=folders["work"], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_nothing_is_started_or_fetched_and_nothing_written_but_what_is_asked_to_be_kept(tmp_path):
    from platformdirs import user_cache_path

    steps = run_bare(tmp_path)
    assert {name: done for name, done in steps.items() if name != "keep"} == {"render": [], "styled": [], "dissect": []}
    cache = tmp_path / "home" / user_cache_path("ganwidgets").relative_to(Path.home())
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 1 and kept[0].is_relative_to(cache)
    assert steps["keep"] and all(
        cache.is_relative_to(path) or Path(path).is_relative_to(cache) for _, path in steps["keep"]
    )
