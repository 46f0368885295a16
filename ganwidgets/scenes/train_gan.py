"""Train the bundled world's Progressive GAN: resumable, one thread, bfloat16 where the CPU multiplies it.

Karras et al. (2018) with the choices of Karras et al. (2019, 2020) that make it cheaper: non-saturating loss,
lazy R1 (Mescheder et al. 2018), an averaged generator. `GanTraining(folder, settings).run()` trains until the
schedule or the minutes are used up and leaves `state.pt` (everything, to resume), `generator.safetensors` (the
average, at the current size), `discriminator.safetensors` and `history.json`.
"""

import copy
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.scenes.draw import SIZE, draw_batch
from ganwidgets.scenes.growing import SIZES, Discriminator, GrowingGenerator, cut_discriminator, level_of


@dataclass
class GanSettings:
    """What GAN training can vary. Images are counted in thousands per level: (fading in, staying)."""

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
    raise ValueError("`schedule` must have at least one level, got none")


def finished_level(seen: int, schedule: tuple[tuple[int, int], ...]) -> int:
    """Highest level whose output stands alone: one that is still fading in needs the output below it."""
    level, share = position(seen, schedule)
    return level if share == 1 else level - 1


def multiplies_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 (AMX, or a later AVX-512), so that autocast is the faster way."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


class GanTraining:
    """One training run in one folder; continues from the folder's `state.pt` if there is one.

    Args:
        folder: where the run keeps its drawings, state and results.
        settings: what to vary.
        log: receives a line of text every 200 steps.
        published: (generator, discriminator) files to start from where the folder has no state yet.
        continues: what `provenance` recorded of those files; images and minutes are counted on from there.
        sizes: latent size and units per resolution.
    """

    def __init__(
        self,
        folder: Path,
        settings: GanSettings,
        *,
        log: Callable[[str], None] = print,
        published: tuple[Path, Path] | None = None,
        continues: dict[str, Any] | None = None,
        sizes: tuple[int, ...] = SIZES,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        self.folder, self.settings, self.log, self.latent = folder, settings, log, sizes[0]
        cache = folder / "drawings.npy"
        self.scenes = drawings(settings.drawings, seed=settings.seed, without=settings.without, cache=cache)
        self.g, self.d = GrowingGenerator(sizes), Discriminator(sizes)
        self.seen, self.step, self.spent, self.history, self.continues = 0, 0, 0.0, [], None
        self.random = torch.Generator().manual_seed(settings.seed * 1_000_003)
        resuming = (folder / "state.pt").exists()
        if published and not resuming:
            self._start_from(*published, continues)
        self.average = copy.deepcopy(self.g).requires_grad_(False)
        options = {"lr": settings.lr, "betas": (0.0, 0.99), "fused": True}
        self.g_optimiser = torch.optim.Adam(self.g.parameters(), **options)
        self.d_optimiser = torch.optim.Adam(self.d.parameters(), **options)
        self.r1, self.losses, self.bfloat16 = torch.zeros(()), [], multiplies_bfloat16()
        if resuming:
            self._restore(torch.load(folder / "state.pt", weights_only=True))
        for net in (self.g, self.d, self.average):
            net.to(memory_format=torch.channels_last)
        nets = (self.g, self.d)
        self.fast_g, self.fast_d = (torch.compile(net, dynamic=False) if settings.compile else net for net in nets)
        self.began = time.time()

    def run(self) -> None:
        """Train until the schedule ends or `settings.minutes` have passed, saving every four minutes."""
        self.began = saved = time.time()
        end = sum(map(sum, self.settings.schedule)) * 1000
        while self.seen < end and time.time() - self.began < self.settings.minutes * 60:
            self._train_step()
            if time.time() - saved > 240:
                self.save()
                saved = time.time()
        self.save()

    def save(self) -> None:
        """Write the state, the averaged generator, the discriminator and the loss curve."""
        counters = {"seen": self.seen, "step": self.step, "spent": self._minutes() * 60, "history": self.history}
        counters["continues"] = self.continues
        kept = {"random": self.random.get_state(), "r1": self.r1.detach(), "losses": self.losses}
        state = {name: part.state_dict() for name, part in self._parts().items()} | counters | kept
        torch.save(state, self.folder / "state.tmp")
        (self.folder / "state.tmp").rename(self.folder / "state.pt")
        level = finished_level(self.seen, self.settings.schedule)
        save_file(self.average.export(level), self.folder / "generator.safetensors")
        save_file(cut_discriminator(self.d.state_dict(), level), self.folder / "discriminator.safetensors")
        record = {"settings": asdict(self.settings), "seen": self.seen, "history": self.history}
        record |= {"continues": self.continues} if self.continues else {}
        (self.folder / "history.json").write_text(json.dumps(record, indent=0))

    def _parts(self) -> dict:
        names = ("g", "d", "average", "g_optimiser", "d_optimiser")
        return {name: getattr(self, name) for name in names}

    def _minutes(self) -> float:
        return (self.spent + time.time() - self.began) / 60

    def _restore(self, state: dict) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.seen, self.step, self.spent, self.history = (state[k] for k in ("seen", "step", "spent", "history"))
        self.r1, self.losses, self.continues = state["r1"], state["losses"], state.get("continues")
        self.random.set_state(state["random"])

    def _start_from(self, generator: Path, discriminator: Path, continues: dict[str, Any] | None) -> None:
        """Take published weights; the outputs of lower resolutions, which were not published, stay untrained."""
        weights = {name: tensor.float() for name, tensor in load_file(generator).items()}
        level = level_of(weights)
        rgb = f"output_{4 * 2**level}x{4 * 2**level}."
        names = {k: k.replace(rgb, f"rgb.{level}.") if k.startswith(rgb) else f"layers.{k}" for k in weights}
        self.g.load_state_dict({names[k]: v for k, v in weights.items()}, strict=False)
        self.d.load_state_dict({k: v.float() for k, v in load_file(discriminator).items()}, strict=False)
        schedule = self.settings.schedule
        self.seen = 1000 * (sum(map(sum, schedule[: level - 1])) + schedule[level - 1][0])
        if continues:
            self.continues = continues
            self.seen, self.spent = max(self.seen, continues["images"]), continues["minutes"] * 60
        self.log(f"starting from published weights at {4 * 2**level} pixels, {self.seen} images")

    def _train_step(self) -> None:
        settings, random = self.settings, self.random
        level, share = position(self.seen, settings.schedule)
        n, fade = settings.batch[level - 1], torch.tensor(share)
        real = self._real_images(n, level, fade)
        z = torch.randn(n, self.latent, generator=random)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            fake = self.fast_g(z, level, fade)
            still = fake.detach().to(memory_format=torch.channels_last)
            d_fake, d_real = self.fast_d(still, level, fade), self.fast_d(real, level, fade)
            d_loss = F.softplus(d_fake).mean() + F.softplus(-d_real).mean()
        self.d_optimiser.zero_grad(set_to_none=False)
        d_loss.backward()
        if self.step % settings.r1_every == 0:
            self._regularise(real, level, fade)
        self.d_optimiser.step()
        self.d.requires_grad_(False)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            g_loss = F.softplus(-self.fast_d(fake, level, fade)).mean()
        self.g_optimiser.zero_grad(set_to_none=False)
        g_loss.backward()
        self.g_optimiser.step()
        self.d.requires_grad_(True)
        before, self.seen, self.step = self.seen, self.seen + n, self.step + 1
        keep = 0.5 ** (n / min(settings.average_half_life, max(self.seen * 0.05, 1.0)))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.g.parameters()), 1 - keep)
        self._record((d_loss.item(), g_loss.item(), self.r1.item()), level, share)
        for mark in settings.keep_at:
            if before < mark * 1000 <= self.seen:
                finished = finished_level(self.seen, settings.schedule)
                save_file(self.average.export(finished), self.folder / f"generator-{mark}k.safetensors")

    def _real_images(self, n: int, level: int, fade: Tensor) -> Tensor:
        """Drawings, half of them mirrored, at the level's size; while it fades in, as blurred as the output."""
        index = torch.randint(len(self.scenes), (n,), generator=self.random)
        real = self.scenes[index].float().div_(127.5).sub_(1)
        flip = torch.rand(n, generator=self.random) < 0.5
        real = torch.where(flip[:, None, None, None], real.flip(3), real)
        factor = SIZE // (4 * 2**level)
        real = F.avg_pool2d(real, factor) if factor > 1 else real
        if fade < 1:
            blurred = F.interpolate(F.avg_pool2d(real, 2), scale_factor=2, mode="nearest")
            real = torch.lerp(blurred, real, fade)
        return real.to(memory_format=torch.channels_last)

    def _regularise(self, real: Tensor, level: int, fade: Tensor) -> None:
        """Add the lazy R1 gradient: the squared slope of the discriminator on real images."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            watched = real.detach().requires_grad_()
            logits = self.d(watched, level, fade)  # the compiled one cannot be differentiated twice
        (slope,) = torch.autograd.grad(logits.sum(), watched, create_graph=True)
        self.r1 = slope.square().sum((1, 2, 3)).mean()
        (self.r1 * self.settings.r1_weight * self.settings.r1_every).backward()

    def _record(self, losses: tuple[float, float, float], level: int, share: float) -> None:
        self.losses.append(losses)
        if self.step % 200 == 0:
            means = np.mean(self.losses, 0).round(4).tolist()
            self.losses.clear()
            self.history.append([self.seen, round(self._minutes(), 2), level, round(share, 3), *means])
            d, g, r1 = means
            self.log(
                f"images {self.seen}  minutes {self._minutes():.2f}  level {level}  fade {share:.3f}  "
                f"d {d:.3f}  g {g:.3f}  r1 {r1:.3f}"
            )
