"""Weights that are no generator's, told by their names and shapes: what they are and what to do with them."""

from collections.abc import Mapping

from torch import Tensor


def stranger(state: Mapping[str, Tensor]) -> str:
    """What these weights are, if they are of a well-known kind that is no generator; else nothing."""
    names = "\n".join(state)
    for marks, sentence in _KINDS:
        if all(mark in names for mark in marks):
            return sentence
    if looks_like_discriminator(state):
        return "this must be a generator, but the weights go from image channels to one score: a discriminator"
    if _looks_like_classifier(state):
        return (
            "this must be a generator, but the weights go from image channels to scores: a classifier; "
            "gw.load_classifier opens those"
        )
    return ""


_DIFFUSION = (
    "this must be a generator, but the weights are those of a denoising UNet (a diffusion model): its pictures come "
    "from many passes; load the decoder of its autoencoder instead"
)
_LANGUAGE = "this must be a generator of images, but the weights are those of a language model"
_LORA = "this must be a generator, but the weights are a LoRA, small changes to another network's"
_KINDS = (
    (("lora_down.weight",), _LORA),
    (("lora_A.",), _LORA),
    ((".lora.down.weight",), _LORA),
    (("model.diffusion_model.",), _DIFFUSION),
    (("time_embedding.", "down_blocks."), _DIFFUSION),
    (("time_embed.", "input_blocks."), _DIFFUSION),
    (("word_embeddings.weight",), _LANGUAGE),
    (("embed_tokens.weight",), _LANGUAGE),
    (("lm_head.weight",), _LANGUAGE),
    (("wte.weight",), _LANGUAGE),
    (("text_model.",), _LANGUAGE),
)
"""Parts of names that all must be there, and what that means."""


def looks_like_discriminator(state: Mapping[str, Tensor]) -> bool:
    """Whether weights take image channels somewhere and give one number somewhere."""
    if any("fromrgb" in key.lower().replace("_", "") for key in state):
        return True
    weights = [part for part in state.values() if part.ndim in (2, 4)]
    takes = any(weight.ndim == 4 and weight.shape[1] in (1, 3, 4) for weight in weights)
    return takes and any(weight.shape[0] == 1 for weight in weights)


def _looks_like_classifier(state: Mapping[str, Tensor]) -> bool:
    weights = [part for part in state.values() if part.ndim in (2, 4)]
    if len(weights) < 2:
        return False
    first, last = weights[0], weights[-1]
    return first.ndim == 4 and first.shape[1] in (1, 3) and last.ndim == 2 and last.shape[1] > last.shape[0] > 1
