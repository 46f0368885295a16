"""An inversion as a value and as one file: everything comes back, and nothing in a file is believed."""

import json

import pytest
import torch
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors


def inversion(**changes):
    from ganwidgets.results.inversion import Editability, Errors, Inversion, Verdict

    random = torch.Generator().manual_seed(0)
    facts = {
        "image": torch.rand(3, 8, 6, generator=random) * 2 - 1,
        "latent": torch.randn(1, 4, generator=random),
        "space": "z",
        "class_vector": torch.tensor([0.25, 0.75]),
        "residuals": {
            "layer1": torch.randn(5, 4, 4, generator=random),
            "layer2": torch.randn(2, 8, 6, generator=random),
        },
        "reconstruction": torch.rand(3, 8, 6, generator=random) * 2 - 1,
        "strategy": "ridge+r",
        "layer": "layer2",
        "seed": 1,
        "steps": 12,
        "seconds": 3.5,
        "stopped": "plateau",
        "curve": torch.tensor([[0.0, 1.0, 12.0], [1.0, 0.5, 18.0]]),
        "errors": Errors(20.5, 0.75, 0.05),
        "network_name": "scenes",
        "network_fingerprint": "f" * 64,
        "photo_sha256": "a" * 64,
        "verdict": Verdict(0.25, 24, 31.0, 20.5),
        "editability": Editability(1.1, 0.4, None, None, 128),
        "notes": ("The photo's colours were left out.",),
        "total_steps": 150,
        "starts": 3,
        "losses": "pyramid 2",
    }
    return Inversion(**(facts | changes))


def adaptation():
    from ganwidgets.results.adaptation import Adaptation, Locality, LowRank
    from ganwidgets.results.inversion import Errors

    change = LowRank(torch.ones(4, 1), torch.ones(1, 6), (4, 6))
    image, errors = torch.zeros(3, 8, 6), Errors(30.0, 0.9, 0.02)
    scales, curve = {"layer2": torch.ones(1, 8, 6)}, torch.zeros(1, 3)
    return Adaptation(
        scales, {"w": change}, image, errors, errors, "weights+maps", 5, 1.0, "steps", curve, {"w": 0.1}, Locality()
    )


def changed(**parts):
    """The file with some of its JSON changed; None takes a part out."""
    content = _content()
    tensors, about = from_safetensors(content), _about(content)
    about = {key: value for key, value in (about | parts).items() if value is not None}
    return to_safetensors(tensors, {"ganwidgets": json.dumps(about)})


def _content(**changes):
    from ganwidgets.results.inversion_files import to_bytes

    return to_bytes(inversion(**changes))


def _about(content):
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["ganwidgets"])


def with_tensors(**tensors):
    """The file with other tensors; None takes one out."""
    content = _content()
    found = {key: value for key, value in (from_safetensors(content) | tensors).items() if value is not None}
    return to_safetensors(found, {"ganwidgets": json.dumps(_about(content))})


def test_everything_comes_back(tmp_path):
    from ganwidgets.results.inversion_files import load

    before = inversion()
    after = load(before.save(tmp_path / "photo.gwi"))
    for name in ("image", "latent", "class_vector", "reconstruction", "curve"):
        assert torch.equal(getattr(after, name), getattr(before, name)), name
    assert list(after.residuals) == ["layer1", "layer2"]
    assert all(torch.equal(after.residuals[layer], maps) for layer, maps in before.residuals.items())
    plain = ("space", "strategy", "layer", "seed", "steps", "seconds", "stopped", "errors", "verdict", "editability")
    plain += ("network_name", "network_fingerprint", "photo_sha256", "notes", "total_steps", "starts", "losses")
    assert all(getattr(after, name) == getattr(before, name) for name in plain)
    assert repr(after) == repr(before)


@pytest.mark.parametrize("space, shape", [("z", (1, 4, 1, 1)), ("w", (1, 5)), ("ws", (1, 7, 5))])
def test_latents_of_every_kind(space, shape):
    from ganwidgets.results.inversion_files import from_bytes

    after = from_bytes(_content(space=space, latent=torch.ones(shape), class_vector=None, residuals={}, verdict=None))
    assert (
        after.latent.shape == shape and after.class_vector is None and after.residuals == {} and after.verdict is None
    )


def test_an_adaptation_comes_back_with_it():
    from ganwidgets.results.inversion_files import from_bytes

    after = from_bytes(_content(adaptation=adaptation()))
    assert torch.equal(after.adapted, torch.zeros(3, 8, 6)) and after.adaptation.weights["w"].rank == 1
    assert "adapted" in repr(after)
    assert after.with_adaptation(None).adapted is after.reconstruction


@pytest.mark.parametrize(
    "parts, reason",
    [
        ({"format": "ganwidgets rewrite"}, "something else"),
        ({"version": 2}, "version 1"),
        ({"version": True}, "version 1"),
        ({"space": "y"}, "`space` must be one of"),
        ({"stopped": "never"}, "`stopped` must be one of"),
        ({"strategy": None}, "`strategy` is missing"),
        ({"strategy": "x" * 500}, "at most 400 letters"),
        ({"seed": "1"}, "`seed` is missing"),
        ({"starts": 0}, "`starts` must be from 1 to 1024"),
        ({"starts": 10**6}, "`starts` must be from 1 to 1024"),
        ({"losses": 3}, "`losses` is missing"),
        ({"steps": True}, "`steps` is missing"),
        ({"seconds": 1e300}, "`seconds` must be a usual number"),
        ({"residuals": ["layer1"] * 2}, "each once"),
        ({"residuals": ["a", "b", "c"]}, "'residual/2' is missing"),
        ({"residuals": [["layer1"]]}, "must name layers"),
        ({"residuals": [f"layer{n}" for n in range(99)]}, "up to 64 layers"),
        ({"errors": {"psnr": 1.0}}, "`ssim` is missing"),
        ({"errors": []}, "`errors` is missing"),
        ({"verdict": {"share": 0.1, "n": 1.5, "median_psnr": 1.0, "psnr": 1.0}}, "`n` is missing"),
        ({"editability": 3}, "`editability` is missing"),
        ({"notes": [3]}, "at most 50 texts"),
        ({"notes": ["x"] * 99}, "at most 50 texts"),
        ({"adaptation": {}}, "is missing"),
    ],
)
def test_a_file_with_anything_wrong_is_one_sentence(parts, reason):
    from ganwidgets.results.inversion_files import from_bytes

    with pytest.raises(ValueError, match=reason):
        from_bytes(changed(**parts))


@pytest.mark.parametrize(
    "tensors, reason",
    [
        ({"image": torch.zeros(2, 8, 6)}, "a picture"),
        ({"image": torch.full((3, 8, 6), 9.0)}, "a picture"),
        ({"image": torch.zeros(3, 8, 6, dtype=torch.int32)}, "another kind"),
        ({"reconstruction": torch.zeros(3, 8, 7)}, "of the photo's size"),
        ({"reconstruction": torch.full((3, 8, 6), torch.nan)}, "finite"),
        ({"latent": torch.zeros(2, 4)}, "batch of one"),
        ({"latent": torch.zeros(4)}, "batch of one"),
        ({"latent": torch.full((1, 4), torch.inf)}, "finite"),
        ({"latent": None}, "'latent' is missing"),
        ({"curve": torch.zeros(4, 2)}, "3 columns"),
        ({"class_vector": torch.zeros(2, 2)}, "another kind"),
        ({"residual/0": torch.full((5, 4, 4), torch.nan)}, "finite"),
    ],
)
def test_tensors_that_do_not_fit_are_one_sentence(tensors, reason):
    from ganwidgets.results.inversion_files import from_bytes

    with pytest.raises(ValueError, match=reason):
        from_bytes(with_tensors(**tensors))


def test_an_adaptation_of_another_picture_is_refused():
    from dataclasses import replace

    from ganwidgets.results.inversion_files import from_bytes

    other = replace(adaptation(), image=torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="adaptation's image"):
        from_bytes(_content(adaptation=other))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xff" * 64, b"\x80\x04\x95cos\nsystem\n"])
def test_other_files_are_refused(content, tmp_path):
    from ganwidgets.results.inversion_files import load

    path = tmp_path / "photo.gwi"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"photo.gwi: .* truncated or another format"):
        load(path)


def test_a_truncated_file_and_one_that_is_not_there(tmp_path):
    from ganwidgets.results.inversion_files import load

    path = inversion().save(tmp_path / "photo.gwi")
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match="truncated"):
        load(path)
    with pytest.raises(FileNotFoundError, match="no file"):
        load(tmp_path / "none")


def test_a_file_that_is_too_large_is_not_read(monkeypatch):
    from ganwidgets.results import inversion_files

    monkeypatch.setattr(inversion_files, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="not read"):
        inversion_files.from_bytes(_content())


def test_what_is_said():
    from ganwidgets.results.inversion import Editability, Verdict

    assert "far from what the generator draws: worse than all of its own" in Verdict(0.0, 24, 40.0, 20.0).sentence
    assert "worse than 96% of its own pictures (20.0 dB" in Verdict(0.04, 100, 40.0, 20.0).sentence
    assert Verdict(0.04, 100, 40.0, 20.0).far and not Verdict(0.2, 24, 40.0, 20.0).far
    assert "at the edge" in Verdict(0.2, 24, 40.0, 20.0).sentence
    assert "as near as" in Verdict(0.6, 24, 40.0, 42.0).sentence and "n = 24" in Verdict(0.6, 24, 40.0, 42.0).sentence
    assert "the edit layer's activations" in Editability(1.0, 0.5, 3.0, 0.01, 99).sentence
    assert "may not work" in Editability(1.0, 0.5, 3.0, 0.01, 99).sentence
    assert Editability(1.0, 0.5, None, None, 0).sentence == "Not measured."


def test_a_notebook_shows_it():
    bundle = inversion()._repr_mimebundle_()
    assert bundle["image/png"][:4] == b"\x89PNG" and "20.5 dB" in bundle["text/plain"]


def test_a_figure_shows_photo_reconstruction_and_error():
    figure = inversion(adaptation=adaptation()).plot()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:4] == ["photo", "reconstruction, 20.5 dB", "adapted, 30.0 dB", "error, share of the range"]
    assert (
        inversion(image=torch.zeros(1, 4, 4), reconstruction=torch.zeros(1, 4, 4)).plot()._repr_png_()[:4] == b"\x89PNG"
    )


def test_changes_make_another_value():
    first = inversion()
    second = first.replaced(strategy="z")
    assert (first.strategy, second.strategy) == ("ridge+r", "z") and first.with_verdict(None).verdict is None
