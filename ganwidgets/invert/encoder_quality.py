"""How good an encoder is, on latents it was not trained with."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.invert.encoder_latents import drawn
from ganwidgets.invert.encoder_training import Training, pictures

N, SEED = 64, 555_555


@torch.no_grad()
def quality(training: Training, n: int = N, seed: int = SEED) -> dict[str, float]:
    """Medians over fresh samples, by name.

    `psnr` [dB] of the picture drawn again, `latent` (cosine similarity), and of a layered encoder the correlation
    `acts` of the activations it finds, and `acts_again` of those drawn again.
    """
    network, net, latents = training.network, training.net, training.latents
    sample, was = drawn(network, n, seed), net.training
    net.eval()
    images = pictures(network, sample, training.recipe.batch)
    found = []
    for part in torch.arange(n, device=images.device).split(training.recipe.batch):
        rows = net(images[part])
        inputs = sample[part].inputs(network, latents.from_rows(rows))
        again, read = network.read(inputs, training.chain[-1:], grad=False)
        true = network.acts(sample[part].inputs(network), training.chain[-1:], grad=False) if read else {}
        one = {"psnr": -10 * ((again - images[part]) / 2).square().flatten(1).mean(1).clamp(min=1e-12).log10()}
        one["latent"] = F.cosine_similarity(latents.to_rows(sample[part].latents), rows)
        for name, acts in true.items():
            estimate = net.standards[-1].back(net.image_to_acts(images[part]))
            one |= {"acts": correlation(acts, estimate), "acts_again": correlation(acts, read[name])}
        found.append(one)
    net.train(was)
    return {name: round(float(torch.cat([one[name] for one in found]).median()), 4) for name in found[0]}


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's, of each picture's numbers."""
    a, b = (part.flatten(1).float() - part.flatten(1).float().mean(1, keepdim=True) for part in (a, b))
    return F.cosine_similarity(a, b)
