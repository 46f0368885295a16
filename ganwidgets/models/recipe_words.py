"""Recipes in words: one short line for each step of a generator, as people describe them.

    ["embedding label_emb", "linear l1.0", "reshape 128 7 7", "norm conv_blocks.0", "upsample 2",
     "conv conv_blocks.2 padding 1", "norm conv_blocks.3 eps 0.8", "relu", …, "tanh"]

A line is a word, what it needs (the name of its weights in the file, or numbers), then options in pairs. Sizes are not
said: they are in the weights. `step_of` turns a line into the plain data that `recipes.py` builds from.
"""

from dataclasses import dataclass
from typing import Any

from ganwidgets.models.layers import did_you_mean

ACTIVATIONS = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "sigmoid", "tanh")
JOINS = ("concat", "multiply", "add")


@dataclass(frozen=True)
class Word:
    """What may follow a word: `needs` in this order, then `options` as pairs, and `flags` alone.

    A need that ends in "?" may be left out; "*" takes all the numbers that follow.
    """

    kind: str
    needs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


_CONV = ("stride", "padding", "dilation", "groups")
WORDS = {
    "linear": Word("Linear", ("key",)),
    "conv": Word("Conv2d", ("key",), _CONV),
    "deconv": Word("ConvTranspose2d", ("key",), (*_CONV, "output_padding")),
    "norm": Word("Norm", ("key",), ("eps",)),
    "groupnorm": Word("GroupNorm", ("key",), ("groups", "eps")),
    "instancenorm": Word("InstanceNorm", ("key",), ("eps",)),
    "embedding": Word("Embedding", ("key", "joins?"), (), ("unit",)),
    "onehot": Word("OneHot", ("classes", "joins?")),
    "reshape": Word("Reshape", ("shape*",), (), ("channels_last",)),
    "flatten": Word("Flatten"),
    "upsample": Word("Upsample", ("scale", "mode?")),
    "pixel_shuffle": Word("PixelShuffle", ("scale",)),
    "pad": Word("Pad", ("top", "left", "bottom", "right")),
    "crop": Word("Crop", ("top", "left", "bottom", "right")),
    "leaky_relu": Word("leaky_relu", ("slope?",)),
    **{name: Word(name) for name in ACTIVATIONS if name != "leaky_relu"},
}
"""Each word of a recipe."""

_NAMES = {"key", "joins", "mode"}
_FRACTIONS = {"eps", "slope"}


def step_of(line: str) -> dict[str, Any]:
    """A line of a recipe as plain data.

    Raises:
        ValueError: an unknown word or option, or something missing; says what is meant to follow.
    """
    verb, *rest = line.split() or [""]
    word = WORDS.get(verb)
    if word is None:
        raise ValueError(f"`recipe` must start each line with one of {list(WORDS)}, got {verb!r}.{_near(verb)}")
    step: dict[str, Any] = {"type": word.kind}
    for need in word.needs:
        name = need.rstrip("?*")
        if need.endswith("*"):
            step[name] = [_value(line, name, part) for part in rest if _is_number(part)]
            rest = [part for part in rest if not _is_number(part)]
        elif rest and not (need.endswith("?") and rest[0] in (*word.options, *word.flags)):
            step[name] = _value(line, name, rest.pop(0))
        elif not need.endswith("?"):
            raise ValueError(f"`recipe` must say {name} in {line!r}: {_usage(verb)}")
    while rest:
        option = rest.pop(0)
        if option in word.flags:
            step[option] = True
        elif option in word.options and rest:
            step[option] = _value(line, option, rest.pop(0))
        else:
            raise ValueError(f"`recipe` must be made of known words, got {option!r} in {line!r}: {_usage(verb)}")
    return step


def _value(line: str, name: str, text: str) -> Any:
    if name in _NAMES:
        return text
    try:
        return float(text) if name in _FRACTIONS else int(text)
    except ValueError:
        kind = "a number" if name in _FRACTIONS else "a whole number"
        raise ValueError(f"`recipe` must give {name} as {kind} in {line!r}, got {text!r}") from None


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdecimal()


def _usage(verb: str) -> str:
    word = WORDS[verb]
    needs = [f"[{need[:-1]}]" if need.endswith("?") else need.replace("*", " …").upper() for need in word.needs]
    parts = [*needs, *(f"[{option} N]" for option in word.options), *(f"[{flag}]" for flag in word.flags)]
    return f"it reads {' '.join([verb, *parts])!r}"


def _near(verb: str) -> str:
    return did_you_mean(verb, WORDS) if verb else ""
