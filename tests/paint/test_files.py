"""An edit is one JSON file: it comes back as it was, another model's and a hostile one are refused in a sentence."""

import base64
import json

import numpy as np
import pytest
import torch

CIRCLE = (np.hypot(*np.mgrid[-4:4, -6:6]) * 60).clip(0, 255).astype(np.uint8)


@pytest.fixture
def stack(planted):
    from ganwidgets.paint import Stroke, StrokeStack, copy_region, paste

    strokes = [
        Stroke("layer1", [3, 1], CIRCLE, [1.5, -2.25], concept="blue", strength=0.3),
        Stroke("layer2", [0], np.random.RandomState(0).rand(5, 7), sign="remove", resize="max", name="my « stroke »"),
        Stroke("layer1", [7], CIRCLE, 0.1, sign="add", muted=True),
        paste(copy_region(planted, planted.sample_z(1), "layer2", CIRCLE), units=[0, 4]),
    ]
    return StrokeStack(tuple(strokes))


@pytest.fixture
def saved(stack, planted, tmp_path):
    from ganwidgets.paint import save

    return save(tmp_path / "edit.json", stack, planted)


def test_round_trip(stack, saved, planted):
    from ganwidgets.paint import load

    again = load(str(saved), planted)
    assert not again.can_undo and len(again) == len(stack)
    for old, new in zip(stack, again, strict=True):
        for name in ("layer", "units", "sign", "strength", "resize", "concept", "name", "muted"):
            assert getattr(new, name) == getattr(old, name), name
        assert torch.equal(new.value, old.value) and new.region.shape == old.region.shape
        assert (new.region - old.region).abs().max() < 1e-5
    assert torch.equal(again[0].region, stack[0].region)  # 8 bits, as from a browser: exactly


def test_the_picture_is_the_same(stack, saved, planted):
    from ganwidgets.paint import apply_to_many, load

    z = planted.sample_z(4)
    torch.testing.assert_close(apply_to_many(planted, load(saved, planted), z), apply_to_many(planted, stack, z))


def test_the_file_is_json_with_masks_any_program_can_read(saved):
    from io import BytesIO

    from PIL import Image

    about = json.loads(saved.read_text())
    assert (about["format"], about["network"]) == ("ganwidgets edit", "planted")
    mask = Image.open(BytesIO(base64.b64decode(about["strokes"][0]["region"])))
    np.testing.assert_array_equal(np.asarray(mask), CIRCLE)


def test_an_edit_of_another_model_is_refused_with_both_names_and_force_uses_it(saved):
    from ganwidgets.paint import load
    from ganwidgets.testing import planted_generator

    other = planted_generator(units=9)
    other.name = "my garden"
    with pytest.raises(ValueError, match=r"edit.json: .*painted on 'planted'.* not on 'my garden'.*force=True"):
        load(saved, other)
    with pytest.raises(ValueError, match=r"stroke 3 .*`value` must be"):  # maps of another size: force does not help
        load(saved, planted_generator(resolution=32), force=True)
    assert len(load(saved, other, force=True)) == 4
    with pytest.raises(ValueError, match=r"stroke 0 .*`units` must be below 2"):
        load(saved, planted_generator(units=2), force=True)


def test_the_same_model_with_other_weights_is_another_model(saved):
    from ganwidgets.paint import load
    from ganwidgets.testing import planted_generator

    trained = planted_generator()
    trained.module.colour.bias += 0.1
    with pytest.raises(
        ValueError, match=r"painted on 'planted' \(weights '\w{8}'\), not on 'planted' \(weights '\w{8}'\)"
    ):
        load(saved, trained)


def test_a_mask_finer_than_the_picture_is_reduced_on_reading(planted, tmp_path):
    from ganwidgets.paint import Stroke, load, save

    path = save(tmp_path / "e.json", [Stroke("layer1", [0], np.ones((400, 300)), 1.0)], planted)
    assert load(path, planted)[0].region.shape == (16, 16)


def changed(saved, planted, **parts):
    """The file with parts of its first stroke exchanged."""
    from ganwidgets.paint import load

    about = json.loads(saved.read_text())
    about["strokes"][0] |= parts
    saved.write_text(json.dumps(about))
    return load(saved, planted)


PNG_HEAD = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"layer": "layer9"}, "`layer` must be one of"),
        ({"layer": ["layer1"]}, "`layer` is missing, or of another kind"),
        ({"units": [3, 99]}, "`units` must be below 8"),
        ({"units": [3, 10**30]}, "`units` must be below 8"),
        ({"units": [3, 3]}, "`units` must name each unit once"),
        ({"units": [True, 3]}, "`units` must be unit numbers"),
        ({"units": "31"}, "`units` is missing"),
        ({"units": []}, "`value` must be|at least one unit"),
        ({"sign": "explode"}, "`sign` must be one of"),
        ({"sign": "x" * 10**6}, "`sign` must be one of"),
        ({"resize": "cubic"}, "`resize` must be one of"),
        ({"strength": 7}, r"`strength` must lie in \[0, 1\]"),
        ({"strength": True}, "`strength` is missing"),
        ({"strength": 10**400}, "cannot be used"),
        ({"value": [1.0]}, "`value` must be a number"),
        ({"value": [1.0, "2"]}, "`value` must hold numbers"),
        ({"value": [1.0, 10**400]}, "cannot be used"),
        ({"value": [1e39, 0.0]}, "`value` must be finite"),
        ({"value": {"shape": [10**9, 10**9, 10**9], "float32": ""}}, "`value` must be a number a unit, or maps"),
        ({"value": {"shape": [2, 16, 16], "float32": "AAAA"}}, "`value` must be a number a unit, or maps"),
        ({"value": None}, "`float32` is missing"),
        ({"concept": 3}, "`concept` must be text of at most 200 letters or null"),
        ({"concept": "x" * 10**6, "name": ""}, "`concept` must be text of at most 200 letters"),
        ({"layer": "x" * 10**6}, "`layer` must be a name of at most 200 letters"),
        ({"name": None}, "`name` is missing"),
        ({"muted": "no"}, "`muted` is missing"),
        ({"region": "§"}, "cannot be used"),
        ({"region": base64.b64encode(b"no PNG").decode()}, "must be a PNG"),
        ({"region": base64.b64encode(PNG_HEAD + b"\xff" * 8).decode()}, "at most 4096"),
        ({"region": base64.b64encode(PNG_HEAD + b"\0\0\0\x04" * 2).decode()}, "damaged"),
    ],
)
def test_a_hostile_stroke_is_one_sentence_with_file_and_number(saved, planted, parts, reason):
    with pytest.raises(
        ValueError, match=f"edit.json: stroke 0 of this edit cannot be used: .*({reason})|{reason}"
    ) as told:
        changed(saved, planted, **parts)
    assert len(str(told.value)) < 1000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged or something else"),
        (b"\x80\x04K\x01.", "damaged or something else"),
        (b"{" * 100_000, "damaged or something else"),
        (b"[" * 100_000 + b"]" * 100_000, "damaged or something else"),
        (b'{"format": NaN}', "it holds NaN"),
        (b"[1, 2]", "something else"),
        (b'{"format": "ganwidgets dissection"}', "something else"),
        (b'{"format": "ganwidgets edit", "version": 99}', "of format version 1, got 99"),
        (b'{"format": "ganwidgets edit", "version": true}', "of format version 1, got True"),
        (b'{"format": "ganwidgets edit", "version": 1, "network": "x"}', "lacks some"),
        (b"1" * 5000, "damaged or something else|something else"),
    ],
)
def test_a_file_of_something_else_is_one_sentence(tmp_path, planted, content, reason):
    from ganwidgets.paint import load

    path = tmp_path / "edit.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"edit.json: .*({reason})"):
        load(path, planted)


def test_too_much_is_refused_before_it_is_decoded(saved, planted, monkeypatch):
    from ganwidgets.paint import files

    monkeypatch.setattr(files, "MOST_STROKES", 3)
    with pytest.raises(ValueError, match="at most 3 strokes, got 4"):
        files.load(saved, planted)
    monkeypatch.setattr(files, "MOST_STROKES", 9)
    monkeypatch.setattr(files, "MOST_PIXELS", CIRCLE.size + 34)
    with pytest.raises(ValueError, match=r"stroke 1 .* more than 130 pixels"):
        files.load(saved, planted)
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"edit.json: an edit must be at most 0 MiB"):
        files.load(saved, planted)


def test_a_missing_file_is_said_and_an_old_one_stays_when_writing_fails(saved, planted, tmp_path):
    from ganwidgets.paint import Stroke, load, save

    with pytest.raises(FileNotFoundError, match="there is no file"):
        load(tmp_path / "none.json", planted)
    before = saved.read_bytes()
    broken = Stroke("layer1", [0], CIRCLE, 1.0)
    broken.value[0] = float("nan")
    with pytest.raises(ValueError):
        save(saved, [broken], planted)
    assert saved.read_bytes() == before
