"""Decoders as generators over encoded photos: tiny ones from their weights, diffusers' ones, and any module."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.models.autoencoder import DecoderGenerator, Encodings
from ganwidgets.models.decoders import diffusers_autoencoder, load_decoder
from ganwidgets.models.tiny_autoencoder import decoder_of, encoder_of, halves
from ganwidgets.testing import check_generator

# Weights are random, so pictures lie anywhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*lie beyond")


def photos(n=4, side=16):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def block(name, units=6, pool=None):
    """Weights of one residual block."""
    state = {f"{name}.conv.{k}.weight": torch.randn(units, units, 3, 3) * 0.2 for k in (0, 2, 4)}
    state |= {f"{name}.conv.{k}.bias": torch.randn(units) * 0.1 for k in (0, 2, 4)}
    if pool:
        state |= {f"{name}.pool.0.weight": torch.randn(pool, units, 1, 1), f"{name}.pool.1.weight": torch.rand(pool)}
        state |= {
            f"{name}.pool.1.bias": torch.randn(pool),
            f"{name}.pool.3.weight": torch.randn(units, pool, 1, 1) * 0.1,
        }
    return state


def conv(name, inputs, units, bias=True):
    state = {f"{name}.weight": torch.randn(units, inputs, 3, 3) * 0.2}
    return state | ({f"{name}.bias": torch.randn(units) * 0.1} if bias else {})


def tiny(pool=8, depth=4):
    """A decoder that doubles once and an encoder that halves once, with 6 units."""
    torch.manual_seed(0)
    decoder = conv("1", depth, 6) | block("3", pool=pool) | conv("5", 6, 6, bias=False) | block("6") | conv("7", 6, 3)
    encoder = conv("0", 3, 6) | block("1") | conv("2", 6, 6, bias=False) | block("3", pool=pool) | conv("4", 6, depth)
    return decoder, encoder


def test_a_tiny_autoencoder_is_rebuilt_from_its_weights():
    decoder, encoder = (make(state) for make, state in zip((decoder_of, encoder_of), tiny(), strict=True))
    names = [type(part).__name__ for part in decoder]
    assert names == ["SoftClamp", "Conv2d", "ReLU", "Block", "Upsample", "Conv2d", "Block", "Conv2d"]
    assert [type(part).__name__ for part in encoder] == ["Conv2d", "Block", "Conv2d", "Block", "Conv2d"]
    z = encoder(photos())
    assert z.shape == (4, 4, 8, 8) and decoder(z).shape == (4, 3, 16, 16)


def test_a_block_with_a_pool():
    """x + pool(x) goes into both the convolutions and the shortcut."""
    state = block("3", pool=8)
    decoder, _ = tiny()
    part = decoder_of(decoder | state)[3]
    x = torch.randn(2, 6, 5, 5)
    f = nn.functional
    h = f.group_norm(f.conv2d(x, state["3.pool.0.weight"]), 4, state["3.pool.1.weight"], state["3.pool.1.bias"])
    y = x + f.conv2d(f.relu(h), state["3.pool.3.weight"])
    h = f.relu(f.conv2d(y, state["3.conv.0.weight"], state["3.conv.0.bias"], padding=1))
    h = f.relu(f.conv2d(h, state["3.conv.2.weight"], state["3.conv.2.bias"], padding=1))
    h = f.conv2d(h, state["3.conv.4.weight"], state["3.conv.4.bias"], padding=1)
    assert torch.allclose(part(x), f.relu(h + y), atol=1e-5)


def test_latents_are_encoded_photos_in_another_order():
    decoder, encoder = tiny()
    generator = load_decoder(decoder, encoder, photos())
    z = generator.sample_z(8, seed=3)
    encoded = generator.encode(photos())
    found = [int((encoded - one).flatten(1).norm(dim=1).argmin()) for one in z]
    assert sorted(found[:4]) == sorted(found[4:]) == [0, 1, 2, 3]
    assert all(torch.equal(encoded[number], one) for number, one in zip(found, z, strict=True))
    with torch.no_grad():
        pictures = decoder_of(decoder)(encoder_of(encoder)((photos() + 1) / 2)) * 2 - 1
    assert torch.allclose(generator.reconstruct(photos()), pictures.clamp(-1, 1), atol=1e-5)


def test_a_gaussian_has_the_mean_and_covariance_of_the_photos():
    z = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0], [2.0, 4.0]])[:, :, None, None]
    draws = Encodings(z, "gaussian")(4000, 0).flatten(1)
    assert torch.allclose(draws.mean(0), torch.tensor([1.0, 2.0]), atol=0.1)
    assert torch.allclose(draws.T.cov(), torch.diag(torch.tensor([4 / 3, 16 / 3])), atol=0.3)


@pytest.mark.parametrize("draw", ["photos", "gaussian"])
def test_it_keeps_the_promises_of_a_generator(draw):
    generator = load_decoder(*tiny(), photos(), draw=draw)
    check_generator(generator, "3")
    check_generator(generator.drawing("gaussian"), "5")


def test_latents_may_be_scaled_and_shifted():
    decoder = nn.Conv2d(2, 3, 1).eval()
    generator = DecoderGenerator(decoder, lambda images: images[:, :2], photos(), scale=2, shift=0.5)
    z = generator.encode(photos())
    assert torch.allclose(z, (photos()[:, :2] - 0.5) * 2)
    with torch.no_grad():
        assert torch.allclose(generator.images(z), decoder(photos()[:, :2]).clamp(-1, 1), atol=1e-6)
    assert generator.fingerprint != DecoderGenerator(decoder, z=z).fingerprint


def test_a_decoder_without_an_encoder_takes_latents():
    decoder = nn.Conv2d(2, 3, 1).eval()
    generator = DecoderGenerator(decoder, z=torch.randn(5, 2, 4, 4))
    assert generator.image_shape == (3, 4, 4)
    with pytest.raises(ValueError, match="only the decoder"):
        generator.encode(photos())
    for options in ({}, {"photos": photos(), "z": torch.zeros(1, 2, 4, 4)}):
        with pytest.raises(ValueError, match="photos"):
            DecoderGenerator(decoder, **options)


def test_photos_are_checked():
    decoder, encoder = tiny()
    for wrong in (torch.zeros(2, 3), torch.full((1, 3, 8, 8), 9.0), torch.full((1, 3, 8, 8), float("nan"))):
        with pytest.raises(ValueError, match="photos"):
            load_decoder(decoder, encoder, wrong)
    bytes_ = ((photos() + 1) * 127.5).round().byte()
    expected = load_decoder(decoder, encoder, bytes_.float() / 127.5 - 1).encode(bytes_)
    assert torch.equal(load_decoder(decoder, encoder, bytes_.permute(0, 2, 3, 1).numpy()).encodings.z, expected)


def test_a_folder_of_photos(tmp_path):
    from PIL import Image

    for number in range(3):
        pixels = np.random.RandomState(number).randint(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    generator = load_decoder(*tiny(), tmp_path, size=16)
    assert generator.encodings.z.shape == (3, 4, 8, 8)


def test_load_draws_a_decoder_and_refuses_an_encoder():
    decoder, encoder = tiny()
    generator = gw.load(decoder)
    assert generator.z_shape == (4, 8, 8) and generator.image_shape == (3, 16, 16)
    with pytest.raises(ValueError, match="encoder of an autoencoder"):
        gw.load(encoder)
    with pytest.raises(ValueError, match="holds the decoder only"):
        load_decoder(decoder, photos=photos())


def of_diffusers(state, half):
    """The names `AutoencoderTiny` uses: decoders are counted without the soft clamp."""
    less = 1 if half == "decoder" else 0
    parts = {key: key.partition(".") for key in state}
    return {f"{half}.layers.{int(first) - less}.{rest}": state[key] for key, (first, _, rest) in parts.items()}


def test_names_of_diffusers_are_understood():
    decoder, encoder = tiny()
    both = of_diffusers(decoder, "decoder") | of_diffusers(encoder, "encoder")
    assert set(halves(both)) == {"decoder", "encoder"}
    generator = load_decoder(both, photos=photos())
    assert torch.equal(generator.reconstruct(photos()), load_decoder(decoder, encoder, photos()).reconstruct(photos()))


def test_surplus_weights_are_an_error():
    decoder, encoder = tiny(pool=None)
    with pytest.raises(ValueError, match=r"3\.scale.*1 surplus"):
        load_decoder(decoder | {"3.scale": torch.zeros(1)}, encoder, photos())


@pytest.fixture
def diffusers():
    return pytest.importorskip("diffusers", reason="diffusers is not installed")


def tiny_of_diffusers(diffusers, **options):
    torch.manual_seed(0)
    sizes = {"encoder_block_out_channels": (6, 6), "decoder_block_out_channels": (6, 6), "latent_channels": 4}
    blocks = {"num_encoder_blocks": (1, 1), "num_decoder_blocks": (1, 1)}
    return diffusers.AutoencoderTiny(**sizes, **blocks, **options).eval()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_tiny_one_of_diffusers_draws_the_same(diffusers):
    model = tiny_of_diffusers(diffusers)
    ours = load_decoder(model.state_dict(), photos=photos())
    theirs = load_decoder(model, photos=photos())
    assert torch.allclose(ours.encodings.z, theirs.encodings.z, atol=1e-5)
    assert torch.allclose(ours.reconstruct(photos()), theirs.reconstruct(photos()), atol=1e-5)
    with torch.no_grad():
        expected = model.decode(model.encode(photos()).latents).sample.clamp(-1, 1)
    assert torch.allclose(ours.reconstruct(photos()), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_folder_of_diffusers_and_what_its_class_cannot_hold(diffusers, tmp_path):
    from safetensors.torch import load_file, save_file

    model = tiny_of_diffusers(diffusers)
    model.save_pretrained(tmp_path)
    generator = load_decoder(tmp_path, photos=photos())
    assert torch.equal(generator.reconstruct(photos()), load_decoder(model, photos=photos()).reconstruct(photos()))
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    save_file(load_file(file) | {"decoder.layers.2.pool.0.weight": torch.zeros(8, 6, 1, 1)}, file)
    with pytest.raises(ValueError, match=r"decoder\.layers\.2\.pool\.0\.weight.*1 surplus"):
        diffusers_autoencoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))
    with pytest.raises(ValueError, match="UNet2DModel"):
        diffusers_autoencoder(tmp_path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_kl_autoencoder_of_diffusers(diffusers):
    torch.manual_seed(0)
    model = diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        layers_per_block=1,
        scaling_factor=0.3,
        shift_factor=0.1,
    ).eval()
    generator = load_decoder(model, photos=photos())
    with torch.no_grad():
        mode = model.encode(photos()).latent_dist.mode()
        expected = model.decode(mode).sample.clamp(-1, 1)
    assert torch.allclose(generator.encode(photos()), (mode - 0.1) * 0.3, atol=1e-5)
    assert torch.allclose(generator.reconstruct(photos()), expected, atol=1e-5)
    assert "decoder.up_blocks.0" in generator.layers and "post_quant_conv" in generator.layers
    check_generator(generator, "decoder.up_blocks.0")


def test_a_small_file_cannot_ask_for_very_many_units_on_large_maps():
    decoder = tiny()[0]
    last = max(int(key.partition(".")[0]) for key in decoder)
    state = {key: part for key, part in decoder.items() if not key.startswith(f"{last}.")}
    claims = {f"{last + 6}.weight": torch.zeros(1).expand(2048, 6, 3, 3), f"{last + 6}.bias": torch.zeros(2048)}
    with pytest.raises(ValueError, match=f"a tiny decoder .* but {last + 6} would give 2,048 maps of"):
        decoder_of(state | claims)
