"""From a name, a file or a module to a classifier: `load_classifier`.

Nothing of torchvision's is downloaded: a name of it comes with the path of its weights. torchvision and transformers
are optional, and asked for only when one of their networks is meant.
"""

import json
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganwidgets.models.cifar_resnet import CIFAR10, CifarResNet, is_cifar_resnet
from ganwidgets.models.classifiers import Classifier, TorchClassifier
from ganwidgets.models.devices import device_named
from ganwidgets.models.files import read_weights
from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.saved_modules import is_module, module_weights

HUB = "hf:"
"""What stands before a directory or name of Hugging Face."""


def load_classifier(
    source: Any,
    weights: str | os.PathLike | Mapping[str, Tensor] | None = None,
    *,
    image_shape: Sequence[int] | int | None = None,
    classes: Sequence[str] | None = None,
    name: str | None = None,
    outputs: str = "logits",
    normalise: str | tuple | None = None,
    device: str | torch.device | None = None,
) -> Classifier:
    """A classifier, ready to have its units switched off.

    Args:
        source: a torchvision name such as "squeezenet1_0" (with `weights`); the path of a CIFAR ResNet's weights file;
            "hf:" and a directory, or the name, of an image classifier of Hugging Face; a torch module (with
            `image_shape`); or a classifier, which is given back.
        weights: path or state dict for a torchvision name.
        image_shape: (channels, height, width), or one number for square RGB images; torchvision names, directories and
            files know their own.
        classes: names in the order of the scores; torchvision's own 1,000, CIFAR-10's and a directory's are known.
        name: what reports call it.
        outputs: "logits" or "probabilities".
        normalise: what the module wants, see `TorchClassifier`; torchvision names, directories and files know it.
        device: where it computes: "cpu", "cuda", "mps", "auto" for the fastest there is, or a torch.device. None leaves
            a module where it is, and files on the CPU.

    Raises:
        ImportError: a torchvision name without torchvision, a directory without transformers.
        FileNotFoundError: no such file.
        ValueError: a name that torchvision does not have, no weights, or weights of another network.
        TypeError: something else.
    """
    options = {"classes": classes, "outputs": outputs, "normalise": normalise, "name": name, "image_shape": image_shape}
    given = {key: value for key, value in options.items() if value is not None}
    where = None if device is None else device_named(device)  # refused before a large file is read
    found = _classifier(source, weights, given)
    return found if where is None else found.to(where)


def _classifier(
    source: Any, weights: str | os.PathLike | Mapping[str, Tensor] | None, given: dict[str, Any]
) -> Classifier:
    if isinstance(source, Classifier):
        return source
    if isinstance(source, nn.Module):
        if "image_shape" not in given:
            raise ValueError(
                "`image_shape` must be given with a module: (channels, height, width) of the images it takes"
            )
        return TorchClassifier(source, **given)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "`source` must be a torchvision name, a path, a module or a classifier, got " + type(source).__name__
        )
    if isinstance(source, str) and source.startswith(HUB):
        return _from_hub(source.removeprefix(HUB), given)
    if (Path(source) / "config.json").is_file():
        return _from_hub(source, given)
    if Path(source).is_file():
        return _from_file(Path(source), given)
    if isinstance(source, os.PathLike) or os.sep in source or Path(source).suffix:
        raise FileNotFoundError(f"`source` must be a weights file, but there is no {str(source)!r}")
    return _from_torchvision(source, weights, given)


def _from_file(path: Path, given: dict[str, Any]) -> TorchClassifier:
    state = _state_dict(read_weights(path))
    if not is_cifar_resnet(state):
        raise ValueError(
            f"`source` {str(path)!r} must hold the weights of a CIFAR ResNet, the one family read without its module, "
            f"but has {', '.join(list(state)[:3])}, …: load_classifier('resnet18', weights=path) for a torchvision "
            "network, or build the module, load_state_dict(), and pass it with `image_shape`"
        )
    module = CifarResNet.from_state_dict(state)
    names = CIFAR10 if module.linear.out_features == len(CIFAR10) else None
    known = {"image_shape": 32, "normalise": "imagenet", "name": path.stem, "classes": names}
    return TorchClassifier(module, **known | given)


def _from_hub(source: str | os.PathLike, given: dict[str, Any]) -> TorchClassifier:
    from ganwidgets.segment import hub, processors  # shared with segmenters of the same origin

    directory = hub.model_directory(source)
    config = hub.read_config(directory, "an image classifier")
    architecture = next(iter(config.get("architectures") or ()), "")
    if not architecture.endswith("ForImageClassification"):
        raise ValueError(
            f"`source` must be an image classifier, but {directory.name} holds {architecture or 'no task'}"
        )
    module = hub.load_module(directory, architecture)
    steps = processors.preparation_of(directory)
    if steps.bgr:
        raise ValueError(
            f"{directory.name} wants blue before red: build the module yourself, with a step that swaps them"
        )
    known = {
        "image_shape": _hub_shape(directory, config),
        "normalise": (steps.mean, steps.std),
        "name": directory.name,
    }
    return TorchClassifier(module, **known | given)


def _hub_shape(directory: Path, config: Mapping[str, Any]) -> tuple[int, int, int]:
    """The size that a directory's processor brings images to: what it crops, else what it resizes to."""
    path = directory / "preprocessor_config.json"
    steps = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for size in (steps.get("crop_size"), steps.get("size"), config.get("image_size"), 224):
        if isinstance(size, int):
            return 3, size, size
        if isinstance(size, Mapping) and "height" in size and "width" in size:
            return 3, int(size["height"]), int(size["width"])
    raise AssertionError("the last size is a number")


def _from_torchvision(name: str, weights: Any, given: dict[str, Any]) -> TorchClassifier:
    if find_spec("torchvision") is None:
        raise ImportError(
            f"{name!r} is meant as a torchvision network, but torchvision is not installed: "
            "pip install 'ganwidgets[classifiers]', or pass a torch module"
        )
    from torchvision import models

    names = models.list_models(module=models)
    if name not in names:
        raise ValueError(
            f"`source` must be a file or a classifier of torchvision, got {name!r}.{did_you_mean(name, names)}"
        )
    if weights is None:
        raise ValueError(
            f"`weights` must be the path of a weights file for {name!r}, got None: nothing is downloaded here. "
            f"Without a file, build torchvision.models.{name}(...) yourself and pass the module"
        )
    if not isinstance(weights, Mapping):
        if not Path(weights).is_file():
            raise FileNotFoundError(f"`weights` must be a weights file, but there is no {str(weights)!r}")
        weights = read_weights(Path(weights))
    module, n_classes = _filled(models, name, _state_dict(weights))
    published = models.get_model_weights(name).DEFAULT
    preset, categories = published.transforms(), published.meta["categories"]
    known = {
        "image_shape": preset.crop_size[0],
        "normalise": (tuple(preset.mean), tuple(preset.std)),
        "name": name,
        "classes": categories if len(categories) == n_classes else None,
    }
    return TorchClassifier(module, **known | given)


def _filled(models: Any, name: str, state: Mapping[str, Tensor]) -> tuple[nn.Module, int]:
    """The network of this name with these weights, and its number of classes, which the weights decide."""
    module = models.get_model(name, weights=None)
    last, tensor = list(module.state_dict().items())[-1]
    n_classes = len(state[last]) if last in state and state[last].ndim else len(tensor)
    if n_classes != len(tensor):
        module = models.get_model(name, weights=None, num_classes=n_classes)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise ValueError(f"`weights` must be those of {name!r}, but do not fit: {first[0].strip()}") from error
    return module.eval(), n_classes


def _state_dict(content: Any) -> dict[str, Tensor]:
    """Tensors by name: the content of a file, or what it keeps under "state_dict", "model" or "model_state_dict"."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if is_module(content):
        content = module_weights(content)
    if not isinstance(content, Mapping) or not content:
        raise ValueError("`weights` must hold tensors by name (a state dict), got something else")
    tensors = {str(key).removeprefix("module."): part for key, part in content.items() if isinstance(part, Tensor)}
    if not tensors:
        raise ValueError("`weights` must hold tensors by name (a state dict), but holds no tensor")
    return tensors
