"""From a Hugging Face directory or name to its network, without running code from it.

A directory is read as it is, with no look at the network. A name is looked up in the local Hugging Face cache, and
downloaded into it only when it is not there: configuration, tokenizer and safetensors, nothing else. The configuration
is judged before any weight is read; weights go through `models.files.read_weights`, so a `pytorch_model.bin` cannot run
code either.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ganwidgets.models.blank import blank
from ganwidgets.models.files import read_weights

MAX_JSON = 32_000_000
"""Bytes of the largest configuration or index that is read."""

MAX_SURPLUS = 16_000_000
"""Numbers that a network may have beyond those in its weights: buffers that are computed, or weights that are tied."""

MOST_LABELS = 1_000_000
"""Labels a configuration may ask for without naming them."""

MOST_BLOCKS = 10_000
"""Layers, blocks or stages a configuration may ask for."""

SLACK = 50
"""Calls of torch with which a network may make each of its tensors, and so many tensors more than are in its files."""

DOWNLOADED = ("*.json", "*.safetensors", "merges.txt", "vocab.txt", "LICENSE*")
"""Files that are downloaded; no pickles and no Python."""


def model_directory(source: str | Path, revision: str | None = None) -> Path:
    """Where the files of a model are: the directory itself, or the cache's for a name such as "owner/model".

    Raises:
        FileNotFoundError: no such directory, or a name that is neither in the cache nor to be had.
        ImportError: a name, and huggingface_hub is not installed.
    """
    path = Path(source).expanduser()
    if path.is_dir() and str(source):
        return path.resolve()
    if isinstance(source, Path) or not re.fullmatch(r"[\w][\w.-]*(/[\w][\w.-]*)?", source):
        raise FileNotFoundError(f"`source` must be a model's directory or its Hugging Face name, got {str(source)!r}")
    _need("huggingface_hub")
    from huggingface_hub import snapshot_download

    wanted = {"revision": revision, "allow_patterns": list(DOWNLOADED)}
    try:
        cached = Path(snapshot_download(source, local_files_only=True, **wanted))
        if (cached / "config.json").is_file() and _weight_files(cached):
            return cached
    except Exception:  # whatever the library says when a name is not in its cache
        pass
    try:
        return Path(snapshot_download(source, **wanted))
    except Exception as error:  # no network, no such model, or one behind a form
        raise FileNotFoundError(
            f"{source!r} is no directory here, is not in the Hugging Face cache and could not be downloaded "
            f"({first_line(error)}); download it where there is a network and give its directory"
        ) from error


def read_config(directory: Path, task: str) -> dict[str, Any]:
    """The content of config.json, once it is known to describe a network that transformers itself has.

    Args:
        directory: of the model.
        task: what is wanted, for the sentence.

    Raises:
        FileNotFoundError: no config.json.
        ValueError: damaged, or a network whose code would have to come from the directory.
        ImportError: transformers is not installed.
    """
    if not (directory / "config.json").is_file():
        there = sorted(path.name for path in directory.iterdir())[:6]
        raise FileNotFoundError(
            f"{directory.name} must hold a config.json that says which network it is, but holds {', '.join(there)}; "
            f"build such a network yourself and pass it to gw.segment.TorchSegmenter"
        )
    config = _read_json(directory / "config.json")
    _need("transformers")
    from transformers import CONFIG_MAPPING

    if config.get("model_type") not in CONFIG_MAPPING:
        own = "; it brings Python code of its own (auto_map), which is never run" if "auto_map" in config else ""
        raise ValueError(
            f"{directory.name} must be {task} of a type that the installed transformers knows, got "
            f"{config.get('model_type')!r}{own}"
        )
    if foreign := _foreign_code(config):
        raise ValueError(
            f"{directory.name} asks for code from elsewhere ({foreign}), which is never fetched; remove that entry "
            "from its config.json"
        )
    return config


def _foreign_code(config: Any) -> str:
    """An entry by which transformers would fetch a kernel from a repository (attn_implementation), or nothing."""
    if not isinstance(config, dict):
        return ""
    for key, value in config.items():
        if key.endswith(("implementation", "implementation_internal")) and "/" in str(value):
            return f"{key}: {value}"
        if found := _foreign_code(value):
            return found
    return ""


def load_module(directory: Path, architecture: str) -> nn.Module:
    """The network of a directory with its weights, in float32 and eval mode.

    Args:
        directory: of the model.
        architecture: name of its class in transformers.

    Raises:
        FileNotFoundError: no weights.
        ValueError: weights that are damaged, lacking, left over or of another network.
    """
    import transformers

    state = _read_state(directory)
    _check_numbers(_read_json(directory / "config.json"))
    with quiet():
        try:
            config = transformers.AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
            for part in (config, getattr(config, "backbone_config", None)):
                if getattr(part, "use_pretrained_backbone", False):
                    part.use_pretrained_backbone = False  # its weights are in the file, or else are missing
            kind = getattr(transformers, architecture)
            with blank(), _Patience(len(state)):  # shapes only: a configuration may claim any size
                outline = kind(config)
            _check_outline(outline, state)
            module, report = kind.from_pretrained(
                None, config=config, state_dict=state, dtype=torch.float32, output_loading_info=True
            )
        except Exception as error:  # whatever a configuration can make transformers say
            raise ValueError(f"{directory.name} could not be built as a {architecture}: {first_line(error)}") from error
    _check_report(directory, architecture, module, report)
    return module.eval()


def _check_numbers(config: Any) -> None:
    """Refuse labels that nobody named, and depths that nobody trains: transformers counts up to them at once."""
    for key, value in config.items() if isinstance(config, dict) else ():
        _check_numbers(value)
        numbers = [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, int)]
        most = (
            MOST_LABELS
            if key == "num_labels"
            else MOST_BLOCKS
            if re.search("layers|depth|blocks|stages", key)
            else None
        )
        if most is not None and sum(numbers) > most:
            raise ValueError(f"config.json must ask for at most {most:,} as {key}, got {sum(numbers):,}")


class _Patience(TorchFunctionMode):
    """Gives up when a network makes many more tensors than its files hold: a number can ask for a million blocks."""

    def __init__(self, held: int) -> None:
        super().__init__()
        self._left = SLACK * (held + SLACK)
        self._held = held

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"config.json asks for a network of many more tensors than the {self._held} of its files")
        return function(*args, **(kwargs or {}))


def _check_outline(outline: nn.Module, state: dict[str, Tensor]) -> None:
    """Refuse a network of another size than its weights, before it takes memory."""
    for name, part in outline.state_dict().items():
        # Numbers are counted here, since transformers turns some weights; it compares the shapes afterwards.
        if name in state and state[name].numel() != part.numel():
            raise ValueError(
                f"config.json gives {name} the shape {tuple(part.shape)}, its weights {tuple(state[name].shape)}"
            )
    held = sum(part.numel() for part in state.values())
    for what, parts in (("weights", outline.parameters()), ("buffers", outline.buffers())):
        told = sum(part.numel() for part in parts)
        if told > 1.5 * held + MAX_SURPLUS:
            raise ValueError(f"config.json asks for {told:,} numbers as {what}, and its files hold {held:,}")


def _check_report(directory: Path, architecture: str, module: nn.Module, report: dict[str, Any]) -> None:
    """Refuse weights that are missing, and weights that the network has no place for."""
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(
            f"{directory.name} must hold all weights of a {architecture}, but {len(missing)} are missing, as "
            f"{missing[0]}: they would be random numbers"
        )
    # transformers leaves out what a class says it ignores; counters and what a network computes itself do no harm.
    computed = {name for name, _ in module.named_buffers()}
    surplus = sorted(
        name
        for name in set(report["unexpected_keys"]) - computed
        if not name.endswith(("num_batches_tracked", "position_ids"))
    )
    if surplus:
        raise ValueError(
            f"{directory.name} must hold the weights of the {architecture} that its config.json describes, but "
            f"{len(surplus)} have no place in it, as {surplus[0]}: it would answer differently without them"
        )


def tokenizer_of(directory: Path) -> Any:
    """The tokenizer of a directory.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    if not any((directory / name).is_file() for name in ("tokenizer.json", "vocab.json", "vocab.txt")):
        raise ValueError(f"{directory.name} must hold its tokenizer (tokenizer.json, or vocab.json and merges.txt)")
    from transformers import AutoTokenizer

    try:
        with quiet():
            return AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # damaged, or of a kind of its own
        raise ValueError(f"{directory.name} has a tokenizer that cannot be read: {first_line(error)}") from error


def _weight_files(directory: Path) -> list[str]:
    """Names of what holds the weights, safetensors before others."""
    kinds = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
    return [name for name in kinds if (directory / name).is_file()]


def _read_state(directory: Path) -> dict[str, Tensor]:
    files = _weight_files(directory)
    if not files:
        raise FileNotFoundError(f"{directory.name} must hold model.safetensors or pytorch_model.bin, but has neither")
    if files[0].endswith(".json"):
        return _read_shards(directory, files[0])
    return _read_file(directory / files[0])


def _read_shards(directory: Path, index: str) -> dict[str, Tensor]:
    places = _read_json(directory / index).get("weight_map")
    names = sorted({str(name) for name in places.values()}) if isinstance(places, dict) else []
    wrong = [name for name in names if Path(name).name != name or not (directory / name).is_file()]
    if not names or wrong:
        raise ValueError(f"{index} must name weight files beside it, got {wrong[:1] or places!r}")
    state: dict[str, Tensor] = {}
    for name in names:
        state |= _read_file(directory / name)
    return state


def _read_file(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError:  # a pointer, a web page, a file cut off: read_weights says which
            pass
    content = read_weights(path)
    if not isinstance(content, dict) or not all(isinstance(part, Tensor) for part in content.values()):
        raise ValueError(f"{path.name} must hold tensors by name (a state dict), got something else")
    return content


def _read_json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_JSON:
        raise ValueError(f"{path.name} must be a configuration, but has {path.stat().st_size:,} bytes")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path.name} in {path.parent.name} is damaged: it is no JSON ({first_line(error)})"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} in {path.parent.name} must hold names and values, got {type(content).__name__}")
    return content


def _need(package: str) -> None:
    if find_spec(package) is None:
        raise ImportError(
            f"{package} is needed for Hugging Face models and is not installed: pip install 'ganwidgets[segment]'"
        )


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


@contextmanager
def quiet() -> Iterator[None]:
    """transformers without its progress bars and reports, which are turned on again."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    if bar:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
