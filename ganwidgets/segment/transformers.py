"""Segmentation models of Hugging Face: `HuggingFaceSegmenter`, or `segment.load("hf:DIRECTORY or name")`.

Semantic models give a score per class; panoptic and universal ones (DETR, MaskFormer, Mask2Former, OneFormer, EoMT)
give masks with class probabilities, from which the score of a class is the sum over masks, as in transformers' own
`post_process_semantic_segmentation`. Names come from the model's configuration, preparation from its processor.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.segment import hub
from ganwidgets.segment.network import TorchSegmenter
from ganwidgets.segment.preparation import Preparation
from ganwidgets.segment.processors import preparation_of

_AS_PROCESSED = ("eomt", "eomt_dinov3", "videomt")
"""Types whose masks are enlarged to the prepared image before they become probabilities."""


class HuggingFaceSegmenter(TorchSegmenter):
    """Any semantic, panoptic or universal segmentation model of transformers.

    Args:
        source: a directory with config.json, preprocessor_config.json and weights, which is read without a look at the
            network; or a name such as "nvidia/segformer-b0-finetuned-ade-512-512", which is downloaded unless it is in
            the Hugging Face cache. Code that comes with a model is never run.
        input_size: at which the model sees images, in place of its processor's: (height, width), one number for the
            shorter side, or "image" for their own size. Small generated images are much faster at their own size;
            segmentations are better at the size the model was trained on.
        preparation: in place of the processor's.
        revision: of a name: branch, tag or commit.
        options: as for `TorchSegmenter`: `nothing`, `threshold`, `categories`, `name`, `batch_size`, `tile`, `overlap`.

    Raises:
        FileNotFoundError: no such model, or a directory without configuration or weights.
        ValueError: no segmentation model, or one whose files are damaged, incomplete or need code of their own.
        ImportError: transformers is not installed.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        input_size: tuple[int, int] | int | str | None = None,
        preparation: Preparation | None = None,
        revision: str | None = None,
        **options: Any,
    ) -> None:
        directory = hub.model_directory(source, revision)
        config = hub.read_config(directory, "a segmentation model")
        architecture, universal = _architecture(config, directory.name)
        classes = class_names(config, directory.name)
        preparation = preparation or preparation_of(directory)
        if input_size is not None:
            size = None if input_size == "image" else input_size
            preparation = replace(preparation, size=size, longest=None)
        self._type, self._universal = config["model_type"], universal
        self._task = _task_tokens(directory, config) if self._type == "oneformer" else None
        name = f"hf:{directory.name if Path(source).expanduser().is_dir() else source}"
        module = hub.load_module(directory, architecture)
        known = {"name": name, "outputs": "probabilities" if universal else "logits"}
        super().__init__(module, classes, preparation, **known | options)

    def _forward(self, module: nn.Module, prepared: Tensor) -> Tensor:
        if not self._universal:
            return module(pixel_values=prepared).logits.float()
        more = {} if self._task is None else {"task_inputs": self._task.to(prepared.device).expand(len(prepared), -1)}
        output = module(pixel_values=prepared, **more)
        logits = output.get("class_queries_logits", output.get("logits"))  # (batch mask class + 1)
        masks = output.get("masks_queries_logits", output.get("pred_masks"))  # (batch mask height width)
        if self._type == "mask2former":
            masks = _enlarged(masks, (384, 384))
        elif self._type in _AS_PROCESSED:
            masks = _enlarged(masks, tuple(prepared.shape[2:]))
        return torch.einsum("bmc,bmhw->bchw", logits.float().softmax(-1)[..., :-1], masks.float().sigmoid())


def class_names(config: dict[str, Any], where: str) -> tuple[str, ...]:
    """Names of a configuration's classes, in the order of their numbers.

    Raises:
        ValueError: there are none, or numbers are left out.
    """
    labels = config.get("id2label")
    if not isinstance(labels, dict) or not labels:
        raise ValueError(f"{where} must name its classes in config.json (id2label), but does not")
    try:
        numbered = {int(number): str(name).strip() or str(number) for number, name in labels.items()}
    except ValueError as error:
        raise ValueError(
            f"{where} must number its classes in config.json (id2label), got {list(labels)[:3]}"
        ) from error
    if sorted(numbered) != list(range(len(numbered))):
        raise ValueError(
            f"{where} must number its classes from 0 without gaps (id2label), got {sorted(numbered)[:4]} …"
        )
    return tuple(numbered[number] for number in range(len(numbered)))


def _architecture(config: dict[str, Any], where: str) -> tuple[str, bool]:
    """Class of the network in transformers, and whether it gives masks rather than maps."""
    from transformers.models.auto import modeling_auto as auto

    semantic, universal = (
        {kind: names if isinstance(names, str) else names[0] for kind, names in mapping.items()}
        for mapping in (
            auto.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES,
            auto.MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING_NAMES,
        )
    )
    kind, stated = config["model_type"], config.get("architectures") or ()
    for names, masks in ((semantic, False), (universal, True)):
        if kind in names and (not stated or names[kind] in stated):
            return names[kind], masks
    what = ", ".join(map(str, stated)) or f"a model of type {kind}"
    hint = "; give the words it should look for: segment.load(…, words=[…])" if kind == "clipseg" else ""
    raise ValueError(f"{where} must be a semantic, panoptic or universal segmentation model, but is {what}{hint}")


def _task_tokens(directory: Path, config: dict[str, Any]) -> Tensor:
    """The sentence by which OneFormer is told its task, as token numbers (1 token)."""
    tokenizer = hub.tokenizer_of(directory)
    length = int(config.get("task_seq_len", 77))
    tokens = tokenizer(["the task is semantic"], padding="max_length", max_length=length, truncation=True)
    return torch.tensor(tokens["input_ids"])


def _enlarged(masks: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(masks, size, mode="bilinear", align_corners=False)
