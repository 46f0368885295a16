"""Real generators: faces, anime, digits and an autoencoder of photos give the pictures that came with them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

DATA = Path(__file__).parents[1] / "../shared/data"
FILES = {
    "anime h5": DATA / "gan-anime64-darthdaenerys/generator.h5",
    "anime": DATA / "gan-anime64-darthdaenerys/generator.safetensors",
    "celeba": DATA / "gan-celeba32-fletchersarip93/generator.pt",
    "digits by class": DATA / "gan-mnist-cwgangp-hayato/generator.pth",
    "digits dcgan": DATA / "gan-mnist-dcgan-aamirmalik/generator.pt",
    "digits wgan": DATA / "gan-mnist-wgangp-akanametov/generator.pt",
}
IN_WORDS = {
    "celeba": [
        *("deconv generator_deconv.0.0", "norm generator_deconv.0.1"),
        *("conv generator_deconv.1.0 padding 1", "norm generator_deconv.1.1", "leaky_relu 0.2"),
        *("deconv generator_deconv.2.0 stride 2 padding 1", "norm generator_deconv.2.1", "leaky_relu 0.2"),
        *("deconv generator_deconv.3.0 stride 2 padding 1", "norm generator_deconv.3.1", "leaky_relu 0.2"),
        *("deconv generator_deconv.4.0 stride 2 padding 1", "tanh"),
    ],
    "digits by class": [
        *("embedding label_emb", "linear l1.0", "reshape 128 7 7", "norm conv_blocks.0"),
        *("upsample 2", "conv conv_blocks.2 padding 1", "norm conv_blocks.3 eps 0.8", "relu"),
        *("upsample 2", "conv conv_blocks.6 padding 1", "norm conv_blocks.7 eps 0.8", "relu"),
        *("conv conv_blocks.9 padding 1", "tanh"),
    ],
}


def needs(name):
    path = FILES.get(name, DATA / name)
    return pytest.mark.skipif(not path.exists(), reason=f"{path.name} (shared/data) is not beside the repository")


def sample_sheet(path: Path, size: int) -> np.ndarray:
    """The 40 pictures of a sheet, 8 in a row with a pixel between: (picture height width rgb)."""
    sheet = np.asarray(Image.open(path.parent / "samples.png").convert("RGB")).astype(int)
    places = [(1 + row * (size + 1), 1 + column * (size + 1)) for row in range(5) for column in range(8)]
    return np.stack([sheet[y : y + size, x : x + size] for y, x in places])


def drawn(generator, uniform: bool) -> np.ndarray:
    """The 40 pictures of torch's seed 0; of a network with classes, four of each."""
    seeded = torch.Generator().manual_seed(0)
    draw = (lambda *shape, generator: torch.rand(*shape, generator=generator) * 2 - 1) if uniform else torch.randn
    z = draw(40, *generator.z_shape, generator=seeded)
    inputs = (z, torch.arange(40) // 4) if hasattr(generator, "n_classes") else z
    images = (generator.images(inputs) + 1) / 2 * 255
    return images.round().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy().astype(int)


def matches(name: str, generator) -> None:
    expected = sample_sheet(FILES[name], generator.image_shape[1])
    off = np.abs(drawn(generator, uniform=name == "celeba") - expected)
    assert off.max() <= 1 and off.mean() < 1e-3
    assert (generator.sampler is not None) == (name == "celeba")


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in FILES if name != "anime h5"])
def test_described_by_the_json_beside_it(name):
    import ganwidgets as gw

    matches(name, gw.load(FILES[name], recipe="architecture.json"))


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in IN_WORDS])
def test_described_in_words(name):
    import ganwidgets as gw

    prior = "uniform" if name == "celeba" else None
    matches(name, gw.load(FILES[name], recipe=IN_WORDS[name], prior=prior))


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=needs(name)) for name in ("anime h5", "celeba", "digits dcgan", "digits wgan")),
        pytest.param("digits by class", marks=[needs("digits by class"), pytest.mark.slow]),
    ],
)
def test_by_themselves(name):
    """Keras says everything; of the others, what their norms have stored tells the prior, activations and strides."""
    import ganwidgets as gw

    matches(name, gw.load(FILES[name]))


@needs("anime")
def test_without_a_description_the_anime_port_is_not_guessed():
    import ganwidgets as gw

    with pytest.raises(ValueError, match="recipe"):
        gw.load(FILES["anime"])


@needs("anime")
def test_the_keras_file_is_its_torch_port():
    import ganwidgets as gw

    keras, port = gw.load(FILES["anime h5"]), gw.load(FILES["anime"], recipe="architecture.json")
    z = keras.sample_z(8)
    assert torch.equal(keras.images(z), port.images(z))


@needs("digits by class")
def test_the_digits_are_those_asked_for():
    import ganwidgets as gw

    generator = gw.load(FILES["digits by class"], recipe="architecture.json")
    zeros, ones = (generator.with_label(digit).images(generator.sample_z(64)) for digit in (0, 1))
    # A nought has a hole in its middle, a one has ink there.
    assert float(zeros[:, 0, 12:16, 12:16].mean()) < -0.8 < 0 < float(ones[:, 0, 12:16, 12:16].mean())


@needs("ae-taef2")
@needs("photos")
def test_photos_are_reconstructed():
    import ganwidgets as gw

    folder = DATA / "ae-taef2"
    photo = Image.open(DATA / "photos/chelsea.jpg").convert("RGB").resize((256, 256), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
    generator = gw.models.load_decoder(folder / "taef2_decoder.pth", folder / "taef2_encoder.pth", pixels)
    error = ((generator.reconstruct(pixels) - pixels) / 2).square().mean()
    assert generator.z_shape == (32, 32, 32) and float(-10 * error.log10()) == pytest.approx(32.8, abs=0.1)


@pytest.mark.slow
@needs("ae-taef2")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_the_class_of_diffusers_cannot_hold_is_named():
    import ganwidgets as gw
    from ganwidgets.models.state_dicts import with_weights

    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed")
    decoder = gw.models.checkpoints.read(DATA / "ae-taef2/taef2_decoder.pth")[0].tree
    numbered = {key: key.partition(".") for key in decoder}
    state = {f"layers.{int(first) - 1}.{rest}": decoder[key].float() for key, (first, _, rest) in numbered.items()}
    model = diffusers.AutoencoderTiny(latent_channels=32).decoder
    with pytest.raises(ValueError, match=r"layers\.2\.pool\.0\.weight.*\(0 weights missing.* 12 surplus\)"):
        with_weights(model, state)
