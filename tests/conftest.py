"""Shared fixtures. The package is imported inside them: jaxtyping's import hook must come first."""

import signal

import pytest
import torch

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
