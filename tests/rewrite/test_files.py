"""Edits are kept in one file: they come back bit for bit; another model's, and whatever is hostile, is one sentence."""

import json

import pytest
import torch
from torch import nn


def network_of(name="chain", seed=0, width=5):
    """Two convolutions on maps that are not square: named 0 and 2."""
    from ganwidgets.models import TorchGenerator

    torch.manual_seed(seed)
    parts = nn.ConvTranspose2d(4, width, (3, 4)), nn.ReLU(), nn.Conv2d(width, 3, 3, padding=1)
    return TorchGenerator(nn.Sequential(*parts), (4, 2, 2), name=name)


@pytest.fixture(scope="module")
def chain():
    return network_of()


@pytest.fixture
def stack(chain):
    from ganwidgets.rewrite.apply import as_edit
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.stack import EditStack

    made = EditStack()
    for layer, rank, name in (("2", 2, "domes « »"), ("0", 1, "trees"), ("2", 1, "")):
        editable = editable_layer(chain, layer)
        update = torch.randn(editable.n_units, rank, *editable.kernel)
        details = {"solver": "solve", "seed": 1, "truncation": 0.5, "request": {"paste": [3, "data:…"]}}
        made = made.push(as_edit(editable, update, torch.randn(rank, editable.key_dim), name=name, details=details))
    return made.with_strength(0, -0.75).mute(1)


@pytest.fixture
def saved(stack, tmp_path):
    from ganwidgets.rewrite.files import save

    return save(tmp_path / "rules.safetensors", stack)


def test_round_trip(stack, saved, chain):
    from ganwidgets.rewrite.files import from_bytes, load, to_bytes

    for again in (load(str(saved), chain), from_bytes(to_bytes(stack), chain)):
        assert not again.can_undo and len(again) == len(stack) == 3
        for old, new in zip(stack, again, strict=True):
            for part in ("layer", "weight", "kind", "network", "fingerprint", "strength", "name", "muted", "details"):
                assert getattr(new, part) == getattr(old, part), part
            assert torch.equal(new.update, old.update) and torch.equal(new.context, old.context)
    assert to_bytes(again) == saved.read_bytes()


def test_rendering_after_reloading_is_identical(stack, saved, chain):
    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.files import load

    z = chain.sample_z(3)
    edited = apply(chain, stack).images(z, clamp=False)
    assert torch.equal(apply(network_of(), load(saved, network_of())).images(z, clamp=False), edited)
    assert not torch.equal(edited, chain.images(z, clamp=False))


def test_the_file_is_safetensors_that_any_program_can_read(saved, stack, chain):
    from safetensors import safe_open

    with safe_open(saved, "pt") as file:
        about = json.loads(file.metadata()["ganwidgets"])
        assert sorted(file.keys()) == sorted(f"{n}/{part}" for n in range(3) for part in ("context", "update"))
        assert torch.equal(file.get_tensor("0/update"), stack[0].update)
    assert (about["format"], about["network"], about["fingerprint"]) == (
        "ganwidgets rewrite",
        "chain",
        stack[0].fingerprint,
    )
    assert [edit["layer"] for edit in about["edits"]] == ["2", "0", "2"]


def test_a_request_kept_with_an_edit_comes_back(chain, stack):
    from dataclasses import replace

    from ganwidgets.rewrite.examples import Example
    from ganwidgets.rewrite.files import from_bytes, to_bytes
    from ganwidgets.rewrite.request import EditRequest, request_from_dict

    asked = EditRequest(paste=Example(3, torch.eye(4, 5)), preserve=(Example(4, torch.ones(2, 3)),))
    edit = replace(stack[0], details={"request": asked.as_dict()})
    again = request_from_dict(from_bytes(to_bytes(edit), chain)[0].details["request"], n_images=5)
    assert torch.equal(again.paste.region, torch.eye(4, 5)) and again.preserve[0].image == 4


def test_another_network_is_refused_with_both_names_and_force_takes_it(saved):
    from ganwidgets.rewrite.files import load

    other = network_of("my garden", seed=1)
    with pytest.raises(
        ValueError, match=r"rules.safetensors: edit 0 .*made for 'chain' .*not for 'my garden'.*force=True"
    ):
        load(saved, other)
    taken = load(saved, other, force=True)
    assert len(taken) == 3
    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.files import from_bytes, to_bytes

    assert apply(other, taken) is not other  # they are edits of this network now, and know for which they were made
    assert {edit.details["made for"]["network"] for edit in taken} == {"chain"}
    assert {(edit.network, edit.fingerprint) for edit in taken} == {("my garden", other.weights_fingerprint)}
    third = from_bytes(to_bytes(taken), network_of("a park", seed=2), force=True)
    assert third[0].details["made for"]["network"] == "chain" and third[0].network == "a park"
    with pytest.raises(
        ValueError, match=r"edit 0 .*of shape \(3, 5, 3, 3\), but '2.weight' of 'wide' has \(3, 6, 3, 3\)"
    ):
        load(saved, network_of("wide", width=6), force=True)


def test_edits_of_several_networks_or_none_make_no_file(stack, tmp_path):
    from dataclasses import replace

    from ganwidgets.rewrite.files import save, to_bytes

    with pytest.raises(ValueError, match="at least one, all for one network, got 0 for 0"):
        save(tmp_path / "none", [])
    with pytest.raises(ValueError, match="at least one, all for one network, got 2 for 2"):
        to_bytes([stack[0], replace(stack[1], network="other")])
    with pytest.raises(ValueError, match="`details` of an edit must be plain values"):
        to_bytes(replace(stack[0], details={"loss": float("nan")}))
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_said_and_an_old_one_stays_when_writing_fails(saved, stack, chain, tmp_path, monkeypatch):
    from dataclasses import replace
    from pathlib import Path

    from ganwidgets.rewrite.files import load, save

    with pytest.raises(FileNotFoundError, match="must be a saved rewrite, but there is no file"):
        load(tmp_path / "none", chain)
    before = saved.read_bytes()
    with pytest.raises(ValueError):
        save(saved, [*stack, replace(stack[0], details={"z": object()})])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="was not written"):
        save(saved, stack[0])
    assert saved.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == [saved.name]


def changed(stack, tensors=None, about=None, **entry):
    """The bytes of a file with parts of its first edit exchanged."""
    from safetensors.torch import load, save

    from ganwidgets.rewrite.files import to_bytes

    content = to_bytes(stack)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    found = json.loads(header["__metadata__"]["ganwidgets"]) | (about or {})
    found["edits"] = [found["edits"][0] | entry, *found["edits"][1:]] if entry else found["edits"]
    kept = {name: part for name, part in (load(content) | (tensors or {})).items() if part is not None}
    return save(kept, {"ganwidgets": json.dumps(found)})


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"layer": "7"}, "`layer` must be one of|must change a weight"),
        ({"layer": ["2"]}, "`layer` is missing, or of another kind"),
        ({"layer": "x" * 10**6}, "`layer` must have at most 200 letters"),
        ({"weight": "2.bias"}, r"changes a weight of shape"),
        ({"weight": "0.weight"}, "must change a weight of its layer '2'"),
        ({"weight": "../../etc/passwd"}, "which 'chain' does not have"),
        ({"kind": "os.system"}, "`kind` must be one of"),
        ({"kind": "transposed"}, "changes a weight of shape"),
        ({"strength": 7}, r"`strength` must lie in \[-1, 2\]"),
        ({"strength": 10**400}, r"`strength` must lie in"),
        ({"strength": True}, "`strength` is missing"),
        ({"name": None}, "`name` is missing"),
        ({"muted": "no"}, "`muted` is missing"),
        ({"details": []}, "`details` is missing"),
        ({"tensors": {"0/update": torch.zeros(3, 10**6, 1, 1)}}, "of the same rank"),
        ({"tensors": {"0/update": torch.zeros(3, 2, 3, 3, dtype=torch.int32)}}, "must be a tensor of floats"),
        ({"tensors": {"0/update": torch.full((3, 2, 3, 3), float("nan"))}}, "`update` must be finite"),
        ({"tensors": {"0/context": torch.zeros(2, 0), "0/update": torch.zeros(3, 2, 0, 3)}}, r"must be \(unit, rank"),
        ({"tensors": {"0/context": torch.zeros(2, 9)}}, "changes a weight of shape"),
        ({"tensors": {"0/context": None, "0/other": torch.zeros(2)}}, "its tensor '0/context' is missing"),
    ],
)
def test_a_hostile_edit_is_one_sentence_with_its_number(stack, chain, how, reason):
    from ganwidgets.rewrite.files import from_bytes

    with pytest.raises(ValueError, match=f"edit 0 of this file cannot be used: .*({reason})") as told:
        from_bytes(changed(stack, **how), chain)
    assert len(str(told.value)) < 700


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"about": {"format": "ganwidgets dissection"}}, "something else"),
        ({"about": {"version": 99}}, "of format version 1, got 99"),
        ({"about": {"version": True}}, "of format version 1, got True"),
        ({"about": {"network": None}}, "lacks some"),
        ({"about": {"edits": {}}}, "lacks some"),
        ({"about": {"edits": []}}, "1 to 1000 edits of two tensors each, got 0 and 6"),
        (
            {
                "about": {"edits": []},
                "tensors": {f"{n}/{part}": None for n in range(3) for part in ("update", "context")},
            },
            "1 to 1000 edits of two tensors each, got 0 and 0",
        ),
        ({"about": {"edits": [{}] * 2000}}, "1 to 1000 edits of two tensors each, got 2000 and 6"),
        ({"about": {"edits": [0, 0, 0]}}, "edit 0 of this file cannot be used: `layer` is missing"),
        ({"tensors": {"more": torch.zeros(1)}}, "of two tensors each, got 3 and 7"),
    ],
)
def test_a_hostile_file_is_one_sentence(stack, chain, how, reason):
    from ganwidgets.rewrite.files import from_bytes

    with pytest.raises(ValueError, match=reason):
        from_bytes(changed(stack, **how), chain)


def header_of(**tensors):
    text = json.dumps({"__metadata__": {"ganwidgets": "{}"}} | tensors).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04K\x01.",
        b"PK\x03\x04" + bytes(60),
        b'{"format": "ganwidgets rewrite"}',
        (2**63).to_bytes(8, "little") + b"{}",
        header_of(a={"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4]}) + bytes(4),
        header_of(a={"dtype": "F32", "shape": [2**62, 8], "data_offsets": [0, 0]}),
        header_of(a={"dtype": "F32", "shape": [1], "data_offsets": [0, 400]}) + bytes(4),
        header_of(a={"dtype": "F33", "shape": [1], "data_offsets": [0, 4]}) + bytes(4),
        header_of(__metadata__={"ganwidgets": "[" * 100_000}),
        header_of(__metadata__={"ganwidgets": '{"format": NaN}'}),
        header_of(__metadata__={"ganwidgets": 3}),
        header_of(__metadata__={}),
        header_of(),
    ],
)
def test_something_else_is_one_sentence_with_the_name_of_the_file(tmp_path, chain, content):
    from ganwidgets.rewrite.files import load

    path = tmp_path / "rules"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="rules: a saved rewrite must be as `save` wrote it, but this"):
        load(path, chain)


def test_a_file_cut_anywhere_is_one_sentence(saved, chain):
    from ganwidgets.rewrite.files import from_bytes

    content = saved.read_bytes()
    for length in (0, 7, 8, 100, len(content) // 2, len(content) - 1):
        with pytest.raises(ValueError, match="truncated or another format"):
            from_bytes(content[:length], chain)
    with pytest.raises(ValueError, match="truncated or another format"):
        from_bytes(content + b"x", chain)


def test_too_large_a_file_is_not_read(saved, chain, monkeypatch):
    from ganwidgets.rewrite import files

    content = saved.read_bytes()
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"^a saved rewrite must be at most 0 MiB"):
        files.from_bytes(content, chain)
    with pytest.raises(ValueError, match="a saved rewrite must be at most 0 MiB, got more"):
        files.load(saved, chain)
