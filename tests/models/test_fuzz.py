"""Thousands of broken files: one sentence each, nothing executed, no memory beyond the file, no wrong network.

Zip archives (torch, .npz, .keras) have checksums, so that every changed weight is noticed. Legacy torch files, plain
pickles, .safetensors and .h5 have none: there, a bit that flips among the numbers of a weight cannot be noticed by
anyone, and only what is said *about* the weights must hold.

The other tests run under a type checker, which would take most of the time. Here a plain interpreter does the work,
once, and says how each check ended. GANWIDGETS_FUZZ=2000 asks for more.
"""

import codecs
import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
import tracemalloc
from contextlib import suppress
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as safetensors_bytes

EXAMPLES = int(os.environ.get("GANWIDGETS_FUZZ", 100))  # of each kind of damage to each kind of file
WITHOUT_CHECKSUMS = ("legacy", "pickle", "nested", "safetensors", "hdf5")
KINDS = ("torch", "npz", *WITHOUT_CHECKSUMS)
EXECUTES = {"os.system", "os.exec", "os.posix_spawn", "os.mkdir", "os.remove", "subprocess.Popen", "exec", "import"}
EXECUTES |= {"socket.connect", "shutil.rmtree", "pickle.find_class", "marshal.loads", "ctypes.dlopen", "code.__new__"}

often = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
watched: list[list] = []


def audit(event, args):
    if watched and event in EXECUTES:
        watched[-1].append((event, args))


class File:
    """A whole file of some kind, with weights of a small Progressive GAN."""

    def __init__(self, kind, folder):
        self.kind, self.path = kind, folder / "a"
        self.state = weights()
        self.data = whole(kind, self.state)
        for part in (self.data, self.data[:-1], self.data[: len(self.data) // 2], self.data[:90], b"\x80\x04\x8e"):
            with suppress(ValueError):  # so that what is imported on the way has been, before anybody watches
                understood(self.path, part)
        found = understood(self.path, self.data)
        assert same(found, self.state) and set(found) == set(self.state)
        raw = [part.contiguous().numpy().tobytes() for part in self.state.values()]
        self.numbers = {place for part in raw for place in places(self.data, part)}

    def check(self, changed, where):
        """Whether the file was refused; if it was not, what it holds must be what it held."""
        with nothing_runs():
            found = understood(self.path, bytes(changed), set(self.state))
        unseen = self.kind in WITHOUT_CHECKSUMS and any(place in self.numbers for place in where)
        assert found is None or unseen or same(found, self.state)
        return found is None


def weights():
    from ganwidgets.models.progan import ProGAN

    torch.manual_seed(0)
    return {key: part * 1.5 for key, part in ProGAN((3, 2, 2)).state_dict().items()}


def whole(kind, state):
    """The bytes of a file of this kind."""
    buffer = io.BytesIO()
    if kind in ("torch", "legacy"):
        torch.save({"epoch": 3, "state_dict": state}, buffer, _use_new_zipfile_serialization=kind == "torch")
    elif kind == "npz":
        np.savez(buffer, **{key: part.numpy() for key, part in state.items()})
    elif kind == "pickle":
        pickle.dump({key: part.numpy() for key, part in state.items()}, buffer, protocol=4)
    elif kind == "nested":
        pickle.dump(state, buffer, protocol=3)
    elif kind == "safetensors":
        buffer.write(safetensors_bytes(state))
    else:
        import h5py

        with h5py.File(buffer, "w") as file:
            file.attrs["model_config"] = json.dumps({"class_name": "Sequential"})
            for key, part in state.items():
                file[f"model_weights/{key}"] = part.numpy()
    return buffer.getvalue()


def places(data, part):
    start = data.find(part)
    while start >= 0:
        yield from range(start, start + len(part))
        start = data.find(part, start + 1)


def understood(path, data, names=None):
    """Weights of the generator in a file, or None if it was refused in a sentence."""
    from ganwidgets.models.checkpoints import build
    from ganwidgets.models.files import read_file
    from ganwidgets.models.found import find_generator

    path.write_bytes(data)
    try:
        found = find_generator(read_file(path))
        if "keras" in found.config:  # no network is made of weights with other names than its layers'
            return found.state if names is None or set(found.state) == names else None
        return build(found, "a").module.state_dict()
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 700, error
        return None


class nothing_runs:  # noqa: N801
    def __enter__(self):
        watched.append([])

    def __exit__(self, *error):
        ran = watched.pop()
        assert not ran, ran


def same(found, state):
    return all(key in state and torch.equal(part, state[key]) for key, part in found.items())


def flipped_bits(file):
    refused = []

    @often
    @given(st.lists(st.integers(0, 8 * len(file.data) - 1), min_size=1, max_size=3, unique=True))
    def run(bits):
        changed = bytearray(file.data)
        for bit in bits:
            changed[bit // 8] ^= 1 << bit % 8
        refused.append(file.check(changed, [bit // 8 for bit in bits]))

    run()
    assert sum(refused) > 5


def holes(file):
    @often
    @given(st.integers(0, len(file.data) - 1), st.integers(1, 400), st.booleans())
    def run(start, length, fill):
        lost = file.data[start : start + length]
        changed = file.data[:start] + (bytes(len(lost)) if fill else b"") + file.data[start + length :]
        file.check(changed, range(start, start + length))

    run()


def cut_off(file):
    for length in range(0, len(file.data), max(1, len(file.data) // EXAMPLES)):
        assert file.check(file.data[:length], ()), length


def memory(file):
    made = torch.empty

    def limited(*size, **options):
        assert "device" in options or options.get("dtype") != torch.uint8 or size[0] <= len(file.data)
        return made(*size, **options)

    random = np.random.RandomState(0)
    tracemalloc.start()
    with mock.patch.object(torch, "empty", limited):
        for _ in range(EXAMPLES // 3):
            changed = bytearray(file.data)
            for place in random.randint(0, len(changed), random.choice([1, 4, 16])):
                changed[place] = random.choice([0, 1, 0x7F, 0xFF, random.randint(256)])
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            understood(file.path, bytes(changed))
            assert tracemalloc.get_traced_memory()[1] - before < 3e6 + 100 * len(changed)
    tracemalloc.stop()


def bytes_at_random(folder):
    heads = [b"", b"\x80\x02", b"\x80\x04", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"]

    @settings(often, max_examples=5 * EXAMPLES)
    @given(st.sampled_from(heads), st.binary(max_size=60))
    def run(head, data):
        with nothing_runs():
            assert understood(folder / "a", head + data) is None

    run()


_SHORT = b"} ] ) ( N 0 2 a e s u t l d R b Q o \x85 \x86 \x87 \x81 \x92 \x93 \x94 \x8f \x90 \x91 K\x05 q\x01 h\x01"
_NAMED = "os system,foreign Thing,collections OrderedDict,torch.storage _load_from_bytes,builtins set,numpy dtype,"
_NAMED += "torch._utils _rebuild_tensor_v2,torch Size,copyreg _reconstructor,numpy.core.multiarray _reconstruct,"
OPCODES = [*_SHORT.split(b" "), b"X\x01\x00\x00\x00a"]
OPCODES += [f"c{name}\n".replace(" ", "\n").encode() for name in f"{_NAMED}numpy ndarray".split(",")]


def programs_at_random(folder):
    @settings(often, max_examples=5 * EXAMPLES)
    @given(st.lists(st.sampled_from(OPCODES), max_size=25))
    def run(program):
        with nothing_runs():
            assert understood(folder / "a", b"\x80\x04" + b"".join(program) + b".") is None

    run()


DAMAGES = (flipped_bits, holes, cut_off, memory)
AT_RANDOM = (bytes_at_random, programs_at_random)
CASES = [f"{check.__name__} {kind}" for kind in KINDS for check in DAMAGES] + [check.__name__ for check in AT_RANDOM]


def run_all(folder):
    """How each case ended: nothing, or a traceback."""
    answers = {}
    for case in CASES:
        name, _, kind = case.partition(" ")
        try:
            globals()[name](File(kind, folder) if kind else folder)
            answers[case] = ""
        except ImportError as error:
            answers[case] = f"skipped: {error}"
        except BaseException:
            answers[case] = traceback.format_exc()
    return answers


@pytest.fixture(scope="module")
def answers():
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, cwd=root, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]  # a crash of the process would show here
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_broken_files(answers, case):
    if answers[case].startswith("skipped"):
        pytest.skip(answers[case])
    assert not answers[case], answers[case][-3000:]


if __name__ == "__main__":
    for encoding in ("cp437", "raw_unicode_escape", "unicode_escape", "latin-1"):
        codecs.lookup(encoding)  # Python imports each when it is first used
    sys.addaudithook(audit)
    with tempfile.TemporaryDirectory() as made:
        sys.stdout.write(json.dumps(run_all(Path(made))) + "\n")
