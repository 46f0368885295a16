"""A segmenter for any list of words: `OpenVocabularySegmenter`, or `segment.load("hf:DIRECTORY", words=[…])`.

CLIPSeg compares what an image shows with what a sentence says and gives a map of how well they agree. Every word gets
its own map; a pixel takes the word with the highest one, or none where all lie below the threshold.

Source: Lüddecke and Ecker, "Image Segmentation Using Text and Image Prompts", CVPR 2022.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.segment import hub
from ganwidgets.segment.labels import UNKNOWN
from ganwidgets.segment.network import TorchSegmenter
from ganwidgets.segment.preparation import Preparation
from ganwidgets.segment.processors import preparation_of

ARCHITECTURE = "CLIPSegForImageSegmentation"


class OpenVocabularySegmenter(TorchSegmenter):
    """Names pixels with words you choose.

    Args:
        source: directory or Hugging Face name of a CLIPSeg model, such as "CIDAS/clipseg-rd64-refined"; read and
            downloaded as by `HuggingFaceSegmenter`.
        words: what to look for; each is a concept.
        background: further words that compete for pixels, and mean nothing where they win.
        threshold: pixels at which no word has a higher probability are nothing.
        template: the sentence in which each word is put.
        preparation: in place of the processor's.
        revision: of a name: branch, tag or commit.
        options: as for `TorchSegmenter`.

    Raises:
        FileNotFoundError, ValueError, ImportError: as for `HuggingFaceSegmenter`.
        TypeError: words that are no list of words.
    """

    def __init__(
        self,
        source: str | Path,
        words: Sequence[str],
        *,
        background: Sequence[str] = (),
        threshold: float = 0.5,
        template: str = "{}",
        preparation: Preparation | None = None,
        revision: str | None = None,
        **options: Any,
    ) -> None:
        for option, given in (("words", words), ("background", background)):
            if isinstance(given, str) or not all(isinstance(word, str) and word.strip() for word in given):
                raise TypeError(f"`{option}` must be a list of words, got {given!r}")
        if not words or "{}" not in template:
            raise ValueError(
                f"`words` must hold a word and `template` a place for it ({{}}), got {words!r}, {template!r}"
            )
        directory = hub.model_directory(source, revision)
        config = hub.read_config(directory, "a CLIPSeg model")
        if config["model_type"] != "clipseg":
            raise ValueError(
                f"{directory.name} must be a CLIPSeg model to look for words, but is of type {config['model_type']!r}"
            )
        module = hub.load_module(directory, ARCHITECTURE)
        classes = [*words, *background]
        self._sentences = embeddings(module, hub.tokenizer_of(directory), [template.format(word) for word in classes])
        known = {
            "name": f"hf:{directory.name if Path(source).expanduser().is_dir() else source}",
            "categories": (UNKNOWN,) * len(words),
            "nothing": tuple(background),
            "batch_size": 4,
        }
        super().__init__(
            module,
            classes,
            preparation or preparation_of(directory),
            outputs="binary logits",
            threshold=threshold,
            **known | options,
        )

    def _forward(self, module: nn.Module, prepared: Tensor) -> Tensor:
        # The image is looked at once for all words, and with gradients; the model's own forward does neither.
        states = module.clip.vision_model(
            prepared, output_hidden_states=True, interpolate_pos_encoding=True
        ).hidden_states
        seen = [states[layer + 1] for layer in module.extract_layers]
        sentences = self._sentences.to(prepared.device)
        maps = [module.decoder(seen, one.expand(len(prepared), -1)).logits for one in sentences]
        return torch.stack([one.reshape(len(prepared), *one.shape[-2:]) for one in maps], 1).float()

    def fingerprint(self) -> str:
        """Hash of the weights, the words and all that turns images into names."""
        sentences = hashlib.sha256(self._sentences.numpy().tobytes()).hexdigest()
        return hashlib.sha256(f"{super().fingerprint()} {sentences}".encode()).hexdigest()


@torch.no_grad()
def embeddings(module: nn.Module, tokenizer: Any, sentences: Sequence[str]) -> Float[Tensor, "sentence dim"]:
    """What the model makes of each sentence."""
    tokens = tokenizer(list(sentences), padding=True, truncation=True, return_tensors="pt")
    return module.get_conditional_embeddings(
        batch_size=len(sentences), input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
    )
