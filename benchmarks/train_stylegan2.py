"""A small StyleGAN2 trained on a laptop, for the tests: `python benchmarks/train_stylegan2.py FILE`.

Random weights are unlike those of a trained network: their styles hardly differ and their maps show nothing. So a
generator of 16 × 16 pixels learns to draw, for the same latent, what the bundled generator draws, averaged over 4 × 4
pixels. It is told the answer, so there is no second network, and ten minutes of one thread are enough. Noise stays at a
fixed strength, new in every step. A second sample says how far the pictures are from the bundled generator's.
"""

import argparse
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

import ganwidgets as gw
from ganwidgets.models.stylegan2 import StyleGAN2

UNITS, STYLE, MAPPING = (40, 36, 32), 24, 2  # at 4, 8 and 16 pixels
NOISE, RATE, BATCH, SEED = 0.05, 4e-3, 16, 301


def drawn(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Latents, and the small pictures of the bundled generator."""
    network = gw.load("scenes")
    z = network.sample_z(n, seed=seed)
    return z.flatten(1), torch.cat([F.avg_pool2d(network.images(part), 4) for part in z.split(64)])


def trained(z: Tensor, images: Tensor, steps: int) -> StyleGAN2:
    """By Adam on the mean absolute error; latent_avg is set at the end."""
    torch.manual_seed(SEED)
    network = StyleGAN2(UNITS, STYLE, MAPPING, z_dim=z.shape[1], average=True)
    for name, part in network.named_parameters():
        if name.endswith("noise.weight"):
            part.requires_grad_(False).fill_(NOISE)
    adam = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=RATE, betas=(0.9, 0.99))
    fall = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, steps)
    began = time.perf_counter()
    for step in range(steps):
        chosen = torch.randint(len(z), (BATCH,))
        noises = [torch.randn(BATCH, 1, *noise.shape[2:]) for noise in network.noises.buffers()]
        error = (network(z[chosen], *noises) - images[chosen]).abs().mean()
        adam.zero_grad()
        error.backward()
        adam.step()
        fall.step()
        if step % 500 == 0:
            print(f"{step:6} {float(error.detach()):.4f}  {time.perf_counter() - began:.0f} s", flush=True)
    with torch.no_grad():
        network.latent_avg.copy_(network.style(z).mean(0))
    return network.eval()


@torch.no_grad()
def main() -> None:
    """Train, say how well, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--images", type=int, default=8_000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with torch.enable_grad():
        network = trained(*drawn(given.images, SEED), given.steps)
    z, images = drawn(500, SEED + 1)
    error, spread = (network(z) - images).abs().mean(), (images - images.mean(0)).abs().mean()
    print(f"on 500 other latents: mean absolute error {error:.4f}, of the mean picture {spread:.4f}")
    save_file({name: part.contiguous() for name, part in network.state_dict().items()}, given.file)


if __name__ == "__main__":
    main()
