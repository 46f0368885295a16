"""Shared fixtures. The package is imported inside them: jaxtyping's import hook must come first."""

import signal

import comm
import pytest
import torch
from comm.base_comm import BaseComm

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts jobs in the background: tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def planted():
    """The planted generator, 8 units at 16 × 16."""
    from ganwidgets.testing import planted_generator

    return planted_generator()


@pytest.fixture(scope="session")
def reader():
    """The segmenter that reads the planted generator's images."""
    from ganwidgets.testing import planted_segmenter

    return planted_segmenter()


@pytest.fixture
def counter():
    """A controller that keeps what it was told to show."""
    from traitlets import List

    from ganwidgets.jobs import Controller

    class Counter(Controller):
        shown = List(read_only=True)

        def show(self, value):
            self.set_trait("shown", [*self.shown, value])

    controller = Counter()
    yield controller
    controller.close()


# A browser that is not there


@pytest.fixture
def quiet(monkeypatch):
    """Components without a browser: a front end takes everything and says nothing."""

    class QuietComm(BaseComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            pass

    monkeypatch.setattr(comm, "create_comm", lambda *args, **kwargs: QuietComm(*args, **kwargs))


@pytest.fixture(scope="session")
def browser_sets():
    """`browser_sets(widget, name=value)`: what the kernel does when the front end writes traits."""

    def browser_sets(widget, **state):
        data = {"method": "update", "state": state, "buffer_paths": []}
        widget.comm.handle_msg({"content": {"data": data}, "buffers": []})

    return browser_sets


@pytest.fixture(scope="session")
def browser_asks():
    """`browser_asks(widget, action)`: what the kernel does when the front end asks for something."""

    def browser_asks(widget, action, **fields):
        data = {"method": "custom", "content": {"id": 1, "action": action, **fields}}
        widget.comm.handle_msg({"content": {"data": data}, "buffers": []})

    return browser_asks
