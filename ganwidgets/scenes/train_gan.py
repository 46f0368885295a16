"""Train the bundled world's Progressive GAN: resumable, one thread, bfloat16 where the CPU has AMX.

Karras et al. (2018) with the choices of Karras et al. (2019, 2020) that make it cheaper: non-saturating loss,
lazy R1 (Mescheder et al. 2018), an averaged generator. `train_gan` runs until the schedule or the minutes are
used up and leaves `state.pt` (everything, to resume) and `generator.safetensors` (the average, at the current size).
"""

import copy
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.scenes.draw import draw_batch
from ganwidgets.scenes.growing import Discriminator, GrowingGenerator


@dataclass
class Settings:
    """What `train_gan` can vary. Images are counted in thousands per level: (fading in, staying)."""

    seed: int = 1
    minutes: float = 150.0
    threads: int = 1
    drawings: int = 40_000
    lr: float = 2e-3
    r1_weight: float = 0.25
    r1_every: int = 16
    average_half_life: float = 10_000.0
    batch: tuple[int, ...] = (64, 64, 48, 32)
    schedule: tuple[tuple[int, int], ...] = ((0, 110), (50, 90), (50, 130), (60, 100_000))
    keep_at: tuple[int, ...] = (500, 540, 600)
    compile: bool = True
    without: tuple[str, ...] = field(default=())


def drawings(n: int, *, seed: int, without: tuple[str, ...], cache: Path) -> Tensor:
    """`n` training scenes as uint8 (n rgb 64 64), drawn once and kept beside the run."""
    if not cache.exists():
        images = draw_batch(n, seed=seed, without=without)[0]
        np.save(cache, np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return torch.from_numpy(np.load(cache))


def position(seen: int, schedule: tuple[tuple[int, int], ...]) -> tuple[int, float]:
    """Level (1 = 8 pixels) and fade after `seen` images."""
    for level, (fading, staying) in enumerate(schedule, 1):
        if seen < 1000 * (fading + staying) or level == len(schedule):
            return level, min(1.0, seen / (1000 * fading)) if fading else 1.0
        seen -= 1000 * (fading + staying)
    raise ValueError("`schedule` is empty")


def has_amx() -> bool:
    """Whether this CPU multiplies bfloat16 tiles, which makes autocast several times faster."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def train_gan(folder: Path, settings: Settings, log=print) -> None:
    """Train or continue in `folder` until the schedule ends or `settings.minutes` have passed."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    scenes = drawings(settings.drawings, seed=settings.seed, without=settings.without, cache=folder / "drawings.npy")
    g, d = GrowingGenerator(), Discriminator()
    average = copy.deepcopy(g).requires_grad_(False)
    options = {"lr": settings.lr, "betas": (0.0, 0.99), "fused": True}
    g_optimiser, d_optimiser = torch.optim.Adam(g.parameters(), **options), torch.optim.Adam(d.parameters(), **options)
    parts = {"g": g, "d": d, "average": average, "g_optimiser": g_optimiser, "d_optimiser": d_optimiser}
    seen, step, spent, history = 0, 0, 0.0, []
    if (folder / "state.pt").exists():
        state = torch.load(folder / "state.pt", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        seen, step, spent, history = (state[k] for k in ("seen", "step", "spent", "history"))
    for net in (g, d, average):
        net.to(memory_format=torch.channels_last)
    fast_g, fast_d = (torch.compile(net, dynamic=False) if settings.compile else net for net in (g, d))
    random = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    began, saved, losses, amx = time.time(), time.time(), [], has_amx()
    end = sum(map(sum, settings.schedule)) * 1000

    def save() -> None:
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"seen": seen, "step": step, "spent": spent + time.time() - began, "history": history}
        torch.save(state, folder / "state.tmp")
        (folder / "state.tmp").rename(folder / "state.pt")
        level = position(seen, settings.schedule)[0]
        save_file(average.export(level), folder / "generator.safetensors")
        save_file({k: v.contiguous() for k, v in d.state_dict().items()}, folder / "discriminator.safetensors")
        (folder / "history.json").write_text(json.dumps({"settings": asdict(settings), "history": history}, indent=0))

    while seen < end and time.time() - began < settings.minutes * 60:
        level, share = position(seen, settings.schedule)
        n, fade = settings.batch[level - 1], torch.tensor(share)
        index = torch.randint(len(scenes), (n,), generator=random)
        real = scenes[index].float().div_(127.5).sub_(1)
        flip = torch.rand(n, generator=random) < 0.5
        real = torch.where(flip[:, None, None, None], real.flip(3), real)
        real = F.avg_pool2d(real, 2 ** (4 - level)) if level < 4 else real
        if share < 1:  # what the fading output can express
            blurred = F.interpolate(F.avg_pool2d(real, 2), scale_factor=2, mode="nearest")
            real = torch.lerp(blurred, real, fade)
        real = real.to(memory_format=torch.channels_last)
        z = torch.randn(n, 64, generator=random)
        with torch.autocast("cpu", torch.bfloat16, enabled=amx):
            fake = fast_g(z, level, fade)
            still = fake.detach().to(memory_format=torch.channels_last)
            d_loss = F.softplus(fast_d(still, level, fade)).mean() + F.softplus(-fast_d(real, level, fade)).mean()
        d_optimiser.zero_grad(set_to_none=False)
        d_loss.backward()
        if step % settings.r1_every == 0:
            with torch.autocast("cpu", torch.bfloat16, enabled=amx):
                watched = real.detach().requires_grad_()
                logits = d(watched, level, fade)  # the compiled one cannot be differentiated twice
            (slope,) = torch.autograd.grad(logits.sum(), watched, create_graph=True)
            r1 = slope.square().sum((1, 2, 3)).mean()
            (r1 * settings.r1_weight * settings.r1_every).backward()
        d_optimiser.step()
        d.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16, enabled=amx):
            g_loss = F.softplus(-fast_d(fake, level, fade)).mean()
        g_optimiser.zero_grad(set_to_none=False)
        g_loss.backward()
        g_optimiser.step()
        d.requires_grad_(True)
        seen, step = seen + n, step + 1
        keep = 0.5 ** (n / min(settings.average_half_life, max(seen * 0.05, 1.0)))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(g.parameters()), 1 - keep)
        losses.append((d_loss.item(), g_loss.item(), r1.item()))
        if step % 200 == 0:
            minutes = (spent + time.time() - began) / 60
            row = [seen, round(minutes, 2), level, round(share, 3), *np.mean(losses, 0).round(4).tolist()]
            history.append(row)
            losses.clear()
            log("images %d  minutes %.2f  level %d  fade %.3f  d %.3f  g %.3f  r1 %.3f" % tuple(row))
        for mark in settings.keep_at:
            if seen - n < mark * 1000 <= seen:
                save_file(average.export(level), folder / f"generator-{mark}k.safetensors")
        if time.time() - saved > 240:
            save()
            saved = time.time()
    save()
