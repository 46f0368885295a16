"""What the names in a checkpoint say about its parts: averaged generator, generator, discriminator, optimiser, …"""

import re

AVERAGED, GENERATOR, DISCRIMINATOR, OPTIMISER, OTHER, DECODER, UNKNOWN = (
    "averaged generator",
    "generator",
    "a discriminator",
    "an optimiser's state",
    "no generator",
    "decoder",
    "",
)

_WORDS = {
    OPTIMISER: {"opt", "optim", "optims", "optimizer", "optimizers", "optimiser", "optimisers", "gopt", "dopt", "adam",
                "sched", "scheduler", "schedulers", "scaler"},
    DISCRIMINATOR: {"d", "disc", "dis", "discriminator", "discriminators", "netd", "critic", "ds"},
    OTHER: {"encoder", "enc", "e", "loss", "losses", "criterion", "lpips", "perceptual", "vgg", "inception", "metric",
            "metrics", "fid", "classifier", "augment", "ada", "segmenter", "segmentation", "q"},
    AVERAGED: {"ema", "gema", "averaged", "average", "avg", "gs", "running", "smooth", "shadow", "swa",
               "test"},
    GENERATOR: {"g", "gen", "generator", "generators", "netg"},
    DECODER: {"decoder", "dec"},
}  # fmt: skip

WRAPPERS = {
    *("module", "_orig_mod", "generator", "g", "netg", "net_g", "gen", "g_ema", "ema", "ema_model", "model_ema"),
    *("generator_ema", "ema_generator", "netg_ema", "averaged_model", "g_running", "online_model"),
}
"""Prefixes before every name that say nothing about the network itself."""

HOLDERS = {"model", "net"}
"""Prefixes that say nothing either, unless numbers follow: then they are a list of layers of the network's own."""


def role(name: object) -> str:
    """What a part of this name is; UNKNOWN if its name does not say."""
    # "netG" and "optimizerD" end in the letter that says whose they are.
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(name)).lower()
    words = set(re.split(r"[^a-z0-9]+", split)) | {str(name).lower()}
    if any(word.startswith(("optim", "sched")) for word in words):
        return OPTIMISER
    return next((kind for kind, known in _WORDS.items() if words & known), UNKNOWN)
