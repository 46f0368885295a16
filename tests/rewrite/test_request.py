"""Requests in the original's format: what it saved can be read, what we save it could read, nothing hostile gets in."""

import base64
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

DATA = Path(__file__).parents[1] / "data/rewriting"
ORIGINALS = sorted((DATA / "requests").glob("*.json.gz"))
SHARED = Path(__file__).parents[2].parent / "shared/golden/rewriting/requests"


def url(pixels, **how):
    """A data URL of an array as PNG."""
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG", **how)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def stroke(height=2, width=3):
    """White, antialiased at the top right, on transparent: (height width 4)."""
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[0, 0], pixels[0, 2] = (255, 255, 255, 255), (255, 255, 255, 128)
    return pixels


def read(about, **how):
    from ganwidgets.rewrite.request import request_from_json

    return request_from_json(json.dumps(about), **how)


def test_alpha_on_paper():
    """Painted, free, half painted; the original sees the half as whole."""
    about = {"paste": [7, url(stroke())]}
    request = read(about)
    assert request.paste.image == 7 and request.object is None and request.examples == ()
    torch.testing.assert_close(request.paste.region, torch.tensor([[1.0, 0.0, 128 / 255], [0.0, 0.0, 0.0]]))
    legacy = read(about, legacy_alpha=True).paste.region
    assert torch.equal(legacy, torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_mask_without_alpha_is_read_as_it_looks(legacy):
    grey = np.array([[0, 51, 255]], np.uint8)
    for pixels in (grey, np.stack([grey] * 3, -1)):
        region = read({"query": [0, url(pixels)]}, legacy_alpha=legacy).query.region
        torch.testing.assert_close(region, torch.tensor([[0.0, 0.2, 1.0]]))


def test_parts_of_the_original_have_our_names():
    about = {"object": [1, url(stroke())], "key": [[2, url(stroke())], [2, url(stroke(4, 5))]], "more": "ignored"}
    request = read(about | {"preserve": [[3, url(stroke())]], "query": None})
    assert [(what, example.image) for what, example in request] == [
        ("object", 1),
        ("key 0", 2),
        ("key 1", 2),
        ("preserve 0", 3),
    ]
    assert request.examples[1].region.shape == (4, 5) and request.paste is None and request.query is None


def test_a_request_comes_back_as_it_was(tmp_path):
    from ganwidgets.rewrite.examples import Example
    from ganwidgets.rewrite.request import EditRequest, load_request, save_request

    levels = torch.arange(12, dtype=torch.uint8).reshape(3, 4) * 20
    examples = tuple(Example(number, levels.roll(number) / 255) for number in range(3))
    asked = EditRequest(examples[0], None, examples[1:], examples[2], examples[:1])
    again = load_request(save_request(tmp_path / "edit.json", asked), n_images=3)
    assert [what for what, _ in again] == ["object", "query", "key 0", "key 1", "preserve 0"]
    for (_, old), (_, new) in zip(asked, again, strict=True):
        assert old.image == new.image and torch.equal(old.region, new.region)


def test_more_places_to_paste_stand_where_the_original_does_not_look():
    from ganwidgets.rewrite.examples import Example
    from ganwidgets.rewrite.trays import Trays

    places = tuple(Example(number, torch.eye(3)) for number in (4, 5, 6))
    about = Trays(paste=places).request().as_dict()
    assert about.keys() == {"paste", "more_paste"} and about["paste"][0] == 4
    assert [place.image for place in Trays.of(read(about)).paste] == [4, 5, 6]
    assert Trays.of(read({"paste": about["paste"]})).paste[0].image == 4
    with pytest.raises(ValueError, match="`more_paste 1` of this request is image 6, but the sample holds 6"):
        read(about, n_images=6)


def test_what_is_written_is_what_a_canvas_saves(tmp_path):
    """White strokes on transparent black, and no part the original does not know unless there is one."""
    from ganwidgets.rewrite.request import request_to_json

    about = json.loads(request_to_json(read({"paste": [7, url(stroke())], "key": []})))
    assert list(about) == ["paste"]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(about["paste"][1].split(",")[1]))))
    np.testing.assert_array_equal(pixels, stroke())


@pytest.mark.parametrize("path", ORIGINALS, ids=lambda path: path.name.removesuffix(".json.gz"))
def test_files_of_the_original_load_and_come_back(path):
    from ganwidgets.rewrite.request import request_from_json, request_to_json

    content = gzip.decompress(path.read_bytes())
    about, request = json.loads(content), request_from_json(content, n_images=1000)
    assert [example.image for _, example in request] == [
        *(about[part][0] for part in ("object", "paste", "query") if part in about),
        *(entry[0] for entry in about.get("key", [])),
    ]
    assert all(example.region.shape in ((256, 256), (1024, 1024)) and example.region.any() for _, example in request)
    again = request_from_json(request_to_json(request))
    assert all(torch.equal(old.region, new.region) for (_, old), (_, new) in zip(request, again, strict=True))


def test_there_are_twelve_of_them():
    assert len(ORIGINALS) == 12


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the golden folder beside the repository")
def test_the_golden_files_themselves_load():
    from ganwidgets.rewrite.request import load_request

    assert len([load_request(path, n_images=1000, legacy_alpha=True) for path in SHARED.glob("*.json")]) == 12


def test_the_masks_of_the_original_are_read_as_the_original_did():
    """Its areas at key size: RGB without alpha, resized by PIL."""
    from ganwidgets.rewrite.examples import region_at
    from ganwidgets.rewrite.request import load_request

    request, areas = (
        load_request(DATA / "request_cloud2sun.json", legacy_alpha=True),
        np.load(DATA / "progan_layer5.npz"),
    )
    for what, example in request:
        found = region_at(example.region, (16, 16), legacy=True).numpy()
        np.testing.assert_allclose(found, areas[f"area_k.{what.replace('key ', 'key')}"], atol=1 / 255)
    honoured = dict(load_request(DATA / "request_cloud2sun.json"))
    wider = [what for what, example in request if example.region.sum() > honoured[what].region.sum()]
    assert wider and all((example.region >= honoured[what].region).all() for what, example in request)


def test_pictures_beyond_the_sample_are_refused():
    about = {"paste": [3, url(stroke())], "key": [[0, url(stroke())], [200, url(stroke())]]}
    with pytest.raises(
        ValueError, match=r"`key 1` of this request is image 200, but the sample holds 200 \(0 to 199\)"
    ):
        read(about, n_images=200)
    request = read(about, n_images=201)
    assert request.check_images(201) is request
    with pytest.raises(ValueError, match=r"`paste` of this request is image 3, .* sample at least 4"):
        request.check_images(3)


HUGE = b"\x89PNG\r\n\x1a\n" + bytes.fromhex("0000000d49484452") + (60_000).to_bytes(4, "big") * 2
GOOD = url(stroke())


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ([0], r"it must be \[image, mask\]"),
        ({"0": GOOD}, r"it must be \[image, mask\]"),
        ([0, GOOD, 1], r"it must be \[image, mask\]"),
        (["0", GOOD], "the image must be a whole number from 0 on, got '0'"),
        ([True, GOOD], "the image must be a whole number"),
        ([-1, GOOD], "the image must be a whole number"),
        ([0.5, GOOD], "the image must be a whole number"),
        ([10**30, GOOD], "the image must be a whole number"),
        ([0, None], "must be a data URL that begins with"),
        ([0, "x" * 10**6], "must be a data URL that begins with"),
        ([0, "https://example.org/mask.png"], "must be a data URL that begins with"),
        ([0, "data:image/svg+xml;base64,PHN2Zy8+"], "must be a data URL that begins with"),
        ([0, GOOD[:-30] + "§§" + GOOD[-28:]], "the data URL of its mask is damaged"),
        ([0, GOOD[:-30] + "!!!!" + GOOD[-30:]], "the data URL of its mask is damaged"),
        ([0, GOOD[:-31]], "damaged"),
        ([0, GOOD[:-40]], "must be a whole PNG image, but this one is damaged"),
        ([0, GOOD[:60] + "AAAA" + GOOD[64:]], "damaged|whole PNG"),
        ([0, "data:image/png;base64,"], "must be a PNG image, got 0 bytes"),
        ([0, "data:image/png;base64," + base64.b64encode(b"GIF89a" + bytes(40)).decode()], "must be a PNG image"),
        ([0, "data:image/png;base64," + base64.b64encode(HUGE).decode()], "at most 4096"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_entry_is_one_sentence_that_names_it(entry, reason, legacy):
    for about, what in (({"object": entry}, "object"), ({"key": [[0, GOOD], entry]}, "key 1")):
        with pytest.raises(ValueError, match=rf"(?s)`{what}` of this request cannot be used: .*({reason})") as told:
            read(about, legacy_alpha=legacy)
        assert len(str(told.value)) < 500


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "damaged or something else"),
        (b"\x80\x04K\x01.", "damaged or something else"),
        (b"[" * 100_000 + b"]" * 100_000, "damaged or something else"),
        (b"{}", "must have some of"),
        (b"[1, 2]", "must have some of"),
        (b'{"value": 1}', "must have some of"),
        (b'{"object": null}', "must have some of"),
        (b'{"key": {"0": 1}}', "`key` of this request must be a list"),
        (b'{"key": NaN}', "it holds NaN"),
    ],
)
def test_a_file_of_something_else_is_one_sentence_with_its_name(tmp_path, content, reason):
    from ganwidgets.rewrite.request import load_request

    path = tmp_path / "edit.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"edit.json: .*{reason}"):
        load_request(path)


def test_too_much_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    from ganwidgets.rewrite import request as module

    many = {"key": [[0, GOOD]] * 5}
    monkeypatch.setattr(module, "MOST_MASKS", 4)
    with pytest.raises(ValueError, match="at most 4 masks"):
        read(many)
    monkeypatch.setattr(module, "MOST_MASKS", 9)
    monkeypatch.setattr(module, "MOST_PIXELS", 20)
    with pytest.raises(ValueError, match=r"`key 3` .* more than 20 pixels"):
        read(many)
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    path = tmp_path / "edit.json"
    path.write_text(json.dumps(many))
    with pytest.raises(ValueError, match=r"edit.json: a saved request must be at most 0 MiB"):
        module.load_request(path)


def test_a_missing_file_is_said(tmp_path):
    from ganwidgets.rewrite.request import load_request

    with pytest.raises(FileNotFoundError, match="must be a saved request, but there is no file"):
        load_request(tmp_path / "none.json")
