"""Training stops and continues without a trace, keeps what it promises, and starts again from what was published."""

import json

import pytest
import torch
from safetensors.torch import load_file

from ganwidgets.models.progan import ProGAN
from ganwidgets.scenes.growing import Discriminator, GrowingGenerator, cut_discriminator, level_of
from ganwidgets.scenes.train_gan import GanSettings, GanTraining, position

SIZES = (8, 8, 8, 4)  # 4, 8 and 16 pixels
TINY = {"drawings": 8, "compile": False, "batch": (4, 4), "schedule": ((0, 1), (1, 1)), "keep_at": ()}


def training(folder, **settings):
    return GanTraining(folder, GanSettings(**TINY | settings), log=lambda line: None, sizes=SIZES)


def steps(run, n):
    for _ in range(n):
        run._train_step()
    return run


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_stopping_and_continuing_changes_nothing(tmp_path):
    whole = steps(training(tmp_path / "whole"), 5)
    steps(training(tmp_path / "parts"), 2).save()
    parts = steps(training(tmp_path / "parts"), 3)
    for name in ("g", "d", "average"):
        assert same(getattr(whole, name).state_dict(), getattr(parts, name).state_dict()), name
    assert (whole.seen, whole.step) == (parts.seen, parts.step) == (20, 5)
    assert whole.losses == parts.losses


def test_a_run_writes_what_can_be_published(tmp_path):
    run = training(tmp_path, minutes=0.0, keep_at=())
    run.run()
    record = json.loads((tmp_path / "history.json").read_text())
    assert record["settings"]["drawings"] == 8
    generator = load_file(tmp_path / "generator.safetensors")
    assert level_of(generator) == 1
    assert generator["output_8x8.conv.weight"].shape == (3, 8, 1, 1)
    assert Discriminator.from_state_dict(load_file(tmp_path / "discriminator.safetensors")).top == 1


def test_it_runs_to_the_end_of_the_schedule_and_keeps_early_generators(tmp_path):
    run = training(tmp_path, batch=(100, 100), schedule=((0, 1), (1, 0)), keep_at=(1, 2))
    run.run()
    assert run.seen == 2000
    assert [level_of(load_file(tmp_path / f"generator-{k}k.safetensors")) for k in (1, 2)] == [1, 2]
    assert level_of(load_file(tmp_path / "generator.safetensors")) == 2


def test_a_world_without_domes_is_drawn_without_domes(tmp_path):
    plain, lacking = training(tmp_path / "a", drawings=60), training(tmp_path / "b", drawings=60, without=("dome",))
    assert not torch.equal(plain.scenes, lacking.scenes)


def test_training_starts_from_published_weights(tmp_path):
    settings = {"schedule": ((0, 1), (1, 1))}
    first = training(tmp_path / "first", minutes=0.0, **settings)
    first.seen = 2000  # level 2, faded in
    first.save()
    files = tuple(tmp_path / "first" / f"{name}.safetensors" for name in ("generator", "discriminator"))
    other = GanSettings(**TINY | settings | {"seed": 2})
    again = GanTraining(tmp_path / "again", other, log=lambda line: None, sizes=SIZES, published=files)
    assert position(again.seen, again.settings.schedule) == (2, 1.0)
    assert same(again.average.export(2), first.average.export(2))
    assert same(cut_discriminator(again.d.state_dict(), 2), cut_discriminator(first.d.state_dict(), 2))
    steps(again, 1)
    assert not same(again.g.export(2), first.g.export(2))


def test_a_continued_run_counts_on_and_says_what_it_continues(tmp_path):
    first = training(tmp_path / "first", minutes=0.0)
    first.seen = 2000
    first.save()
    files = tuple(tmp_path / "first" / f"{name}.safetensors" for name in ("generator", "discriminator"))
    earlier = {"images": 7000, "minutes": 90.0, "files": {}}
    settings = GanSettings(**TINY | {"minutes": 0.0})
    made = {"log": lambda line: None, "sizes": SIZES}
    run = GanTraining(tmp_path / "on", settings, published=files, continues=earlier, **made)
    assert run.seen == 7000 and 90 <= run._minutes() < 91
    steps(run, 1).save()
    resumed = GanTraining(tmp_path / "on", settings, published=files, continues={"images": 1, "minutes": 0}, **made)
    assert resumed.continues == earlier and resumed.seen == 7004
    assert json.loads((tmp_path / "on" / "history.json").read_text())["continues"] == earlier


@pytest.mark.parametrize(
    ("seen", "expected"), [(0, (1, 1.0)), (999, (1, 1.0)), (1000, (2, 0.0)), (1500, (2, 0.5)), (9000, (2, 1.0))]
)
def test_position_in_the_schedule(seen, expected):
    assert position(seen, ((0, 1), (1, 1))) == expected


def test_a_level_that_is_fading_in_is_not_exported(tmp_path):
    run = training(tmp_path, minutes=0.0)
    for seen, level in ((999, 1), (1500, 1), (1999, 1), (2000, 2)):
        run.seen = seen
        run.save()
        assert level_of(load_file(tmp_path / "generator.safetensors")) == level
        assert Discriminator.from_state_dict(load_file(tmp_path / "discriminator.safetensors")).top == level


def test_the_exported_generator_is_the_published_one():
    growing = GrowingGenerator(SIZES)
    net = ProGAN(SIZES)
    net.load_state_dict(growing.export(2))
    z = torch.randn(3, 8)
    torch.testing.assert_close(net(z), growing(z, 2, torch.tensor(1.0)))


def test_the_cut_discriminator_gives_the_same_logits():
    whole = Discriminator(SIZES)
    cut = Discriminator.from_state_dict(cut_discriminator(whole.state_dict(), 2))
    images = torch.randn(4, 3, 16, 16)
    torch.testing.assert_close(cut(images), whole(images, 2, torch.tensor(1.0)))
    assert cut.features(images).shape == (4, 8, 4, 4)
