"""Train the bundled world's segmenter on drawings: resumable, one thread, bfloat16 where the CPU has AMX.

The drawings are clean and a generator's pictures are not, so every batch is blurred, made noisy, recoloured a
little and sometimes passed through 32 pixels. `SegmenterTraining(folder, settings).run()` trains until its steps or
minutes are used up and leaves `state.pt` (everything, to resume) and `segmenter.safetensors` (what ships).
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from ganwidgets.scenes.draw import OBJECTS, draw_batch
from ganwidgets.scenes.train_gan import multiplies_bfloat16
from ganwidgets.scenes.unet import UNet, split


@dataclass
class SegmenterSettings:
    """What segmenter training can vary."""

    seed: int = 1
    minutes: float = 20.0
    threads: int = 1
    drawings: int = 24_000
    steps: int = 6000
    batch: int = 32
    lr: float = 4e-3
    weight_decay: float = 1e-4
    compile: bool = True


def labelled_drawings(n: int, *, seed: int, folder: Path) -> tuple[Tensor, Tensor]:
    """`n` scenes as images uint8 (n rgb 64 64) and segmentations uint8 (n 2 64 64), drawn once and kept."""
    cache = folder / f"drawings-{seed}-{n}.npy"
    if not cache.exists():
        images, segs = draw_batch(n, seed=seed)
        np.save(cache, np.concatenate([images.transpose(0, 3, 1, 2), segs], 1))
    both = torch.from_numpy(np.load(cache))
    return both[:, :3], both[:, 3:]


def disturb(images: Tensor, random: torch.Generator) -> Tensor:
    """Drawings as a generator might have made them: blurred, noisy, a little recoloured; same shape, in [-1, 1]."""
    n = len(images)

    def u(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=random)

    coarse = F.avg_pool2d(images[n - n // 8 :], 2)
    coarse = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    sigma = u(0.05, 1.1, n // 2, 1)
    kernel = torch.exp(-torch.arange(-3, 4.0).square() / (2 * sigma.square()))
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)  # (image*rgb tap)
    soft = images[: n // 2].reshape(1, -1, *images.shape[2:])  # (1 image*rgb height width)
    soft = F.conv2d(F.pad(soft, (3, 3, 0, 0), mode="replicate"), kernel[:, None, None, :], groups=len(kernel))
    soft = F.conv2d(F.pad(soft, (0, 0, 3, 3), mode="replicate"), kernel[:, None, :, None], groups=len(kernel))
    images = torch.cat([soft.reshape(n // 2, *images.shape[1:]), images[n // 2 : n - n // 8], coarse])
    images = images * u(0.88, 1.12, n, 1, 1, 1) * u(0.95, 1.05, n, 3, 1, 1) + u(-0.06, 0.06, n, 3, 1, 1)
    grain = u(0.0, 0.1, n, 1, 1, 1)
    return (images + grain * torch.randn(images.shape, generator=random)).clamp(-1, 1)


def segmentation_loss(logits: Tensor, seg: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice, summed over the object and the part slot; Dice keeps small things important."""
    loss = logits.new_zeros((), dtype=torch.float32)
    targets = (seg[:, 0].long() - 1, (seg[:, 1].long() - len(OBJECTS)).clamp(min=0))
    for group, target in zip(split(logits.float()), targets, strict=True):
        log_p = F.log_softmax(group, 1)
        p, truth = log_p.exp(), F.one_hot(target, group.shape[1]).movedim(3, 1)
        both, either = (p * truth).sum((0, 2, 3)), (p + truth).sum((0, 2, 3))
        loss = loss + F.nll_loss(log_p, target) + 0.5 * (1 - (2 * both + 1) / (either + 1)).mean()
    return loss


class SegmenterTraining:
    """One training run in one folder; continues from the folder's `state.pt` if there is one."""

    def __init__(self, folder: Path, settings: SegmenterSettings, *, log: Callable[[str], None] = print) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        self.folder, self.settings, self.log = folder, settings, log
        self.bfloat16 = multiplies_bfloat16()
        self.scenes, self.segs = labelled_drawings(settings.drawings, seed=settings.seed, folder=folder)
        self.net = UNet(norm=True)
        options = {"lr": settings.lr, "weight_decay": settings.weight_decay, "fused": True}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), **options)
        self.schedule = OneCycleLR(self.optimiser, settings.lr, settings.steps, pct_start=0.1)
        self.random = torch.Generator().manual_seed(settings.seed)
        self.step, self.spent, self.history, self.losses = 0, 0.0, [], []
        if (folder / "state.pt").exists():
            self._restore(torch.load(folder / "state.pt", weights_only=True))
        self.net.to(memory_format=torch.channels_last)
        self.fast = torch.compile(self.net, dynamic=False) if settings.compile else self.net
        self.began = time.time()

    def run(self) -> None:
        """Train until `settings.steps` are done or `settings.minutes` have passed, saving every two minutes."""
        self.began = saved = time.time()
        while self.step < self.settings.steps and time.time() - self.began < self.settings.minutes * 60:
            self._train_step()
            if time.time() - saved > 120:
                self.save()
                saved = time.time()
        self.save()

    def save(self) -> None:
        """Write the state, the folded network and the loss curve."""
        counters = {"step": self.step, "spent": self._minutes() * 60, "history": self.history, "losses": self.losses}
        state = {name: part.state_dict() for name, part in self._parts().items()}
        torch.save(state | counters | {"random": self.random.get_state()}, self.folder / "state.tmp")
        (self.folder / "state.tmp").rename(self.folder / "state.pt")
        weights = {k: v.detach().contiguous() for k, v in self.net.folded().state_dict().items()}
        self.net.train()
        save_file(weights, self.folder / "segmenter.safetensors")
        record = {"settings": asdict(self.settings), "step": self.step, "history": self.history}
        (self.folder / "history.json").write_text(json.dumps(record, indent=0))

    def _parts(self) -> dict:
        return {"net": self.net, "optimiser": self.optimiser, "schedule": self.schedule}

    def _minutes(self) -> float:
        return (self.spent + time.time() - self.began) / 60

    def _restore(self, state: dict) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step, self.spent, self.history, self.losses = (state[k] for k in ("step", "spent", "history", "losses"))
        self.random.set_state(state["random"])

    def _train_step(self) -> None:
        index = torch.randint(len(self.scenes), (self.settings.batch,), generator=self.random)
        images, seg = self.scenes[index].float().div_(127.5).sub_(1), self.segs[index]
        flip = torch.rand(self.settings.batch, generator=self.random) < 0.5
        images, seg = (torch.where(flip[:, None, None, None], x.flip(3), x) for x in (images, seg))
        images = disturb(images, self.random).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            logits = self.fast(images)
        loss = segmentation_loss(logits, seg)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        self.losses.append(loss.item())
        if self.step % 100 == 0:
            minutes, mean = round(self._minutes(), 2), round(float(np.mean(self.losses)), 4)
            self.history.append([self.step, minutes, mean])
            self.losses.clear()
            self.log(f"step {self.step}  minutes {minutes:.2f}  loss {mean:.4f}")
