"""Data whose every image is half red, a search that loses the photos' red, and a browser that says nothing."""

import threading

import comm
import pytest
import torch
from comm.base_comm import BaseComm

FAST = {"resamples": 50, "permutations": 100, "halves": 20}


class QuietComm(BaseComm):
    """A front end that takes everything and says nothing."""

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        pass


@pytest.fixture
def quiet(monkeypatch):
    """Components without a browser."""
    monkeypatch.setattr(comm, "create_comm", lambda *args, **kwargs: QuietComm(*args, **kwargs))


@pytest.fixture
def red_photos():
    """Images whose left half is red; the planted generator paints that in half of its own."""
    images = torch.zeros(60, 3, 16, 16)
    images[:, :, :, :8] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    return images


class Forgetful:
    """A search that draws the upper half of the first images it is given grey (photos come first), others as they are.

    So photos lose all of the concept "red top", half of "red", and pictures of the generator nothing.
    """

    def __init__(self, photos: int) -> None:
        self.left, self.asked = photos, []

    def __call__(self, network, images, strategy, *, steps, progress):
        self.asked.append((len(images), strategy, steps))
        progress(0.5)
        forgotten, self.left = self.left > 0, self.left - len(images)
        drawn = images.clone()
        drawn[:, :, :8] *= not forgotten
        return drawn


@pytest.fixture
def forgetful():
    """`forgetful(n)` makes a search that forgets the upper half of the first n images."""
    return Forgetful


@pytest.fixture
def make(planted, reader, red_photos):
    from ganwidgets.coverage.controller import CoverageController

    made = []

    def make(network=planted, data=red_photos, segmenter=reader, settings=FAST, **options):
        made.append(CoverageController(network, data, segmenter, settings, **{"n": 60, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Slow:
    """The reader, which waits in its third answer until it is told to go on."""

    def __init__(self, reader):
        self.reader, self.calls = reader, 0
        self.waits, self.go = threading.Event(), threading.Event()
        self.name, self.concepts, self.categories = reader.name, reader.concepts, reader.categories
        self.slots = reader.slots

    def __call__(self, images):
        self.calls += 1
        if self.calls == 3:
            self.waits.set()
            assert self.go.wait(20.0)
        return self.reader(images)


@pytest.fixture
def slow(reader):
    return Slow(reader)
