"""Where the bundled weights come from: `publish` copies a run into `weights/` and writes down how it was made.

`weights/provenance.json` has one section per network (`gan`, `segmenter`, `without-tree`, `encoder-layered`,
`encoder-direct`): the command, its settings, the loss curve, what was measured, and the SHA-256 of every file; and one
for the `dissection` of the generator by the segmenter. The dissection and the encoders come with the hashes of what
they were made from, so that a test sees when that was published again and they were not. A file whose hash differs from
the record was not made by that command, which a test checks.
"""

import hashlib
import json
import platform
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ganwidgets.models.checkpoints import load
from ganwidgets.results import files
from ganwidgets.scenes.growing import cut_discriminator, level_of

WEIGHTS = Path(__file__).parent / "weights"
DISSECTION = "dissection.safetensors"
RECORD = "provenance.json"
MAX_BYTES = {
    "generator": 6_000_000,
    "discriminator": 6_000_000,
    "segmenter": 2_000_000,
    "dissection": 500_000,
    "encoder-layered": 4_100_000,
    "encoder-direct": 1_900_000,
}
MAX_EARLY_BYTES = 2_000_000


def publish_gan(run: Path, weights: Path, measure: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Copy a GAN run into `weights`: generator, discriminator (full size only), early generators in half precision.

    A run that began with published weights keeps their early generators, and its record holds theirs in `continues`.

    Args:
        run: folder that training left.
        weights: folder to publish into.
        measure: given the published generator file, what to record about it.

    Raises: FileNotFoundError when `run` lacks a file, ValueError when a file is too large.
    """
    history = _history(run, "generator.safetensors", "discriminator.safetensors")
    generator = {name: tensor.float() for name, tensor in load_file(run / "generator.safetensors").items()}
    discriminator = cut_discriminator(load_file(run / "discriminator.safetensors"), level_of(generator))
    files = {"generator.safetensors": generator, "discriminator.safetensors": discriminator}
    for early in sorted(run.glob("generator-*k.safetensors")):
        files[early.name.replace("generator-", "early-")] = {k: v.half() for k, v in load_file(early).items()}
    for name, state in files.items():
        _check_size(name, sum(tensor.nbytes for tensor in state.values()))
    weights.mkdir(parents=True, exist_ok=True)
    earlier = history.get("continues")
    inherited = [name for name in (earlier or {"files": ()})["files"] if name.startswith("early-")]
    for old in weights.glob("early-*.safetensors"):
        if old.name not in inherited:
            old.unlink()
    for name, state in files.items():
        save_file(state, weights / name)
        (weights / name).chmod(0o644)  # safetensors writes for the owner alone
    settings = history["settings"]
    return _record(
        weights,
        "gan",
        {
            "command": f"python -m ganwidgets.scenes.train gan RUN --seed {settings['seed']}"
            + (" --from-published" if earlier else ""),
            "continues": earlier,
            "settings": settings,
            "images": history["history"][-1][0] if history["history"] else 0,
            "minutes": history["history"][-1][1] if history["history"] else 0,
            "curve_columns": ["images", "minutes", "level", "fade", "d_loss", "g_loss", "r1"],
            "curve": _thin(history["history"]),
            "metrics": measure(weights / "generator.safetensors"),
        },
        [*files, *inherited],
    )


def publish_variant(run: Path, weights: Path, name: str, measure: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Copy the generator of a run beside the published one, under a name of its own and in half precision.

    Args:
        run: folder that training left, continued from the published weights.
        weights: folder to publish into.
        name: of the file and of its section in the record.
        measure: given the published file, what to record about it.

    Raises: FileNotFoundError when `run` lacks a file, ValueError when it did not continue published weights, for a name
        that is taken or no plain word, or a file that is too large.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or name in MAX_BYTES or name.startswith("early"):
        raise ValueError(f"`name` must be small letters and hyphens, and not one of {sorted(MAX_BYTES)}, got {name!r}")
    history, file = _history(run, "generator.safetensors"), f"{name}.safetensors"
    began = history.get("continues")
    if not began:
        raise ValueError(f"`run` must continue the published weights (--from-published), {run} began from random ones")
    state = {key: tensor.half() for key, tensor in load_file(run / "generator.safetensors").items()}
    _check_size(file, sum(tensor.nbytes for tensor in state.values()))
    save_file(state, weights / file)
    (weights / file).chmod(0o644)
    settings = history["settings"]
    options = f"--from-published --seed {settings['seed']}"
    options += "".join(f" --without {concept!r}" for concept in settings["without"])
    return _record(
        weights,
        name,
        {
            "command": f"python -m ganwidgets.scenes.train gan RUN {options}",
            "of": {key: facts["sha256"] for key, facts in began["files"].items() if not key.startswith("early-")},
            "settings": settings,
            "images": history["history"][-1][0] - began["images"],
            "minutes": round(history["history"][-1][1] - began["minutes"], 2),
            "curve_columns": ["images", "minutes", "level", "fade", "d_loss", "g_loss", "r1"],
            "curve": _thin(history["history"], 30),
            "metrics": measure(weights / file),
        },
        [file],
    )


def publish_segmenter(run: Path, weights: Path, measure: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Copy a segmenter run into `weights`; arguments as for `publish_gan`."""
    history = _history(run, "segmenter.safetensors")
    _check_size("segmenter.safetensors", (run / "segmenter.safetensors").stat().st_size)
    weights.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "segmenter.safetensors", weights / "segmenter.safetensors")
    settings = history["settings"]
    return _record(
        weights,
        "segmenter",
        {
            "command": f"python -m ganwidgets.scenes.train segmenter RUN --seed {settings['seed']}",
            "settings": settings,
            "steps": history["history"][-1][0] if history["history"] else 0,
            "minutes": history["history"][-1][1] if history["history"] else 0,
            "curve_columns": ["step", "minutes", "loss"],
            "curve": _thin(history["history"]),
            "metrics": measure(weights / "segmenter.safetensors"),
        },
        ["segmenter.safetensors"],
    )


def publish_dissection(run: Path, weights: Path) -> dict[str, Any]:
    """Copy a dissection of the published generator by the published segmenter into `weights`, without its pictures.

    Args:
        run: file that `ganwidgets dissect scenes --save` wrote.
        weights: folder to publish into.

    Raises: FileNotFoundError for a missing file, ValueError when it holds something else, is not complete, or is too
        large.
    """
    found = files.load(run)
    if (found.network, found.segmenter) != ("scenes", "scenes") or not found.complete:
        raise ValueError(f"`run` must be a complete dissection of 'scenes' by 'scenes', {run} is a {found!r}")
    if found.fingerprint != load(weights / "generator.safetensors").fingerprint:
        raise ValueError(f"`run` must be of the published generator, {run} is of other weights: dissect again")
    small = weights / f"{DISSECTION}.new"
    found.without_pictures().save(small)
    try:
        _check_size(DISSECTION, small.stat().st_size)
        small.replace(weights / DISSECTION)
    finally:
        small.unlink(missing_ok=True)
    (weights / DISSECTION).chmod(0o644)
    layers = " ".join(f"--layer {name}" for name in found.layers)
    return _record(
        weights,
        "dissection",
        {
            "command": f"ganwidgets dissect scenes {layers} --n {found.n} --seed {found.seed} --save RUN --out PAGE",
            "settings": dict(found.options),
            "of": {name: sha256(weights / name) for name in ("generator.safetensors", "segmenter.safetensors")},
            "metrics": {"labelled_units": {name: int(one.labelled.sum()) for name, one in found.layers.items()}},
        },
        [DISSECTION],
    )


def publish_encoder(run: Path, weights: Path) -> dict[str, Any]:
    """Copy an encoder of the published generator into `weights`.

    Args:
        run: folder that `python -m ganwidgets.invert.train` left.
        weights: folder to publish into.

    Raises: FileNotFoundError when `run` lacks a file, ValueError when it holds something else, an encoder of other
        weights, or a file that is too large.
    """
    history, source = _history(run, "encoder.safetensors"), run / "encoder.safetensors"
    facts, _ = files.read_parts(source, "ganwidgets encoder", 1, "a saved encoder", "train it again")
    kind, recipe = facts["kind"], facts["recipe"]
    if facts["network_fingerprint"] != load(weights / "generator.safetensors").fingerprint:
        raise ValueError(f"`run` must be an encoder of the published generator, {run} is of other weights: train again")
    name = f"encoder-{kind}.safetensors"
    _check_size(name, source.stat().st_size)
    shutil.copyfile(source, weights / name)
    (weights / name).chmod(0o644)
    options = f"--apart {recipe['apart']} --together {recipe['together']} --seed {recipe['seed']}"
    options += " --half" if recipe["half"] else ""
    return _record(
        weights,
        f"encoder-{kind}",
        {
            "command": f"python -m ganwidgets.invert.train scenes RUN --kind {kind} {options}",
            "layer": facts["layer"],
            "settings": recipe,
            "minutes": history["history"][-1][1] if history["history"] else 0,
            "curve_columns": history["columns"],
            "curve": _thin(history["history"], 30),
            "of": {"generator.safetensors": sha256(weights / "generator.safetensors")},
            "metrics": facts["quality"],
        },
        [name],
    )


def recorded(section: str, weights: Path = WEIGHTS) -> dict[str, Any] | None:
    """What is recorded about a published network, or None."""
    path = weights / RECORD
    return json.loads(path.read_text()).get(section) if path.is_file() else None


def sha256(path: Path) -> str:
    """Hash of a file, as the record keeps it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _history(run: Path, *needed: str) -> dict[str, Any]:
    missing = [name for name in (*needed, "history.json") if not (run / name).is_file()]
    if missing:
        raise FileNotFoundError(f"`run` must be a folder that training left, {run} lacks {', '.join(missing)}")
    return json.loads((run / "history.json").read_text())


def _check_size(name: str, size: int) -> None:
    limit = MAX_BYTES.get(name.removesuffix(".safetensors"), MAX_EARLY_BYTES)
    if size > limit:
        raise ValueError(f"{name} must be at most {limit:,} bytes to be committed, got {size:,}")


def _thin(rows: list, at_most: int = 100) -> list:
    """Evenly spaced rows of a long curve, the last one always among them."""
    stride = max(1, -(-len(rows) // at_most))
    return rows[::-1][::stride][::-1]


def _record(weights: Path, section: str, facts: dict[str, Any], files) -> dict[str, Any]:
    path = weights / RECORD
    record = json.loads(path.read_text()) if path.exists() else {}
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    hashes = {name: {"sha256": sha256(weights / name), "bytes": (weights / name).stat().st_size} for name in files}
    record[section] = facts | {"versions": versions, "files": hashes}
    text = json.dumps(record, indent=1)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda rows: re.sub(r"\s+", " ", rows[0]), text)  # one row of a curve, one line
    path.write_text(text + "\n")
    return record[section]
