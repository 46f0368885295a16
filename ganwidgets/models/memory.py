"""What an error says about memory that there was not."""

import re

import torch

_MORE = "needs more memory than there is"


def memory_needed(error: BaseException) -> str | None:
    """What an error, or one that caused it, says about memory that there was not; None if it is of another kind."""
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause)
        if isinstance(cause, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text:
            wanted = re.search(r"allocate (\d{1,20}) bytes", text)
            return f"needs {int(wanted[1]) / 1e9:,.1f} GB at once, more memory than there is" if wanted else _MORE
        cause = cause.__cause__
    return None
