"""Keras files: every layer against a sum written out by hand, and both ways Keras writes a graph."""

import json
import zipfile

import numpy as np
import pytest
import torch

import ganwidgets as gw
from ganwidgets.models.keras import from_keras
from ganwidgets.testing import check_generator


def layer(kind, name, sources=(), **config):
    """A layer as Keras 2 describes it in a graph; a Sequential model leaves the sources out."""
    nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"name": "painter", "layers": list(layers)}}


def functional(layers, output):
    return {
        "class_name": "Functional",
        "config": {"name": "painter", "layers": layers, "output_layers": [[output, 0, 0]]},
    }


def tensors(**weights):
    return {
        path.replace("__", "/") + ":0": torch.tensor(np.asarray(array, np.float32)) for path, array in weights.items()
    }


def one_map(kind, weights, *, shape=(2, 3, 1), **config):
    """A generator of one layer over maps: latents (height, width, channels) as Keras has them."""
    model = sequential(layer("InputLayer", "in", batch_input_shape=[None, *shape]), layer(kind, "it", **config))
    return from_keras(
        model, {f"model_weights/it/it/{key}:0": torch.tensor(np.asarray(w, np.float32)) for key, w in weights.items()}
    )


def drawn(generator, z):
    """What the module gives for latents in Keras's order, (height, width, channels), in that order."""
    z = torch.tensor(np.asarray(z, np.float32))
    return generator.module(z.permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()


def scattered(image, kernel, stride, size, cut):
    """Transposed convolution as its definition: every pixel stamps the kernel, then the border is cut."""
    height, width = image.shape[:2]
    k = kernel.shape[0]
    out = np.zeros(((height - 1) * stride + k + 9, (width - 1) * stride + k + 9, kernel.shape[2]))
    for y in range(height):
        for x in range(width):
            stamp = np.einsum("hwoi,i->hwo", kernel, image[y, x])
            out[y * stride : y * stride + k, x * stride : x * stride + k] += stamp
    return out[cut : cut + size[0], cut : cut + size[1]]


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_transposed_convolutions(kernel, stride, padding):
    random = np.random.RandomState(kernel * 10 + stride)
    weights, z = random.normal(size=(kernel, kernel, 3, 2)), random.normal(size=(2, 3, 2))
    generator = one_map(
        "Conv2DTranspose",
        {"kernel": weights},
        shape=(2, 3, 2),
        strides=[stride, stride],
        padding=padding,
        use_bias=False,
    )
    wider = max(kernel, stride)
    size = (2 * stride, 3 * stride) if padding == "same" else (stride + wider, 2 * stride + wider)
    cut = max(kernel - stride, 0) // 2 if padding == "same" else 0
    assert np.allclose(drawn(generator, z), scattered(z, weights, stride, size, cut), atol=1e-5)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolutions(kernel, stride, padding):
    random = np.random.RandomState(kernel)
    weights, z = random.normal(size=(kernel, kernel, 2, 3)), random.normal(size=(5, 6, 2))
    generator = one_map(
        "Conv2D", {"kernel": weights, "bias": [1, 2, 3]}, shape=(5, 6, 2), strides=stride, padding=padding
    )
    edges = []
    for size in (5, 6):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0) if padding == "same" else 0
        edges.append((total // 2, total - total // 2))
    padded = np.pad(z, [*edges, (0, 0)])
    rows, columns = ((length - kernel) // stride + 1 for length in padded.shape[:2])
    windows = [[padded[y * stride :, x * stride :][:kernel, :kernel] for x in range(columns)] for y in range(rows)]
    expected = np.einsum("yxhwi,hwio->yxo", np.array(windows), weights) + np.array([1, 2, 3])
    assert np.allclose(drawn(generator, z), expected, atol=1e-4)


def test_dense_reshape_and_norm():
    """z = 2: dense 2 · [1 … 12] + 0, reshaped with channels fastest, then (x − 3) / sqrt(4 + 0.001) · 2 + 1."""
    model = sequential(
        layer("Dense", "d", batch_input_shape=[None, 1], units=12, activation="linear"),
        layer("Reshape", "r", target_shape=[2, 2, 3]),
        layer("BatchNormalization", "b", axis=[3], epsilon=0.001),
    )
    weights = tensors(
        d__d__kernel=[np.arange(1, 13)],
        d__d__bias=np.zeros(12),
        b__b__gamma=[2, 2, 2],
        b__b__beta=[1, 1, 1],
        b__b__moving_mean=[3, 3, 3],
        b__b__moving_variance=[4, 4, 4],
    )
    image = from_keras(model, weights).module(torch.tensor([[2.0]]))[0].permute(1, 2, 0).numpy()
    expected = (2 * np.arange(1, 13).reshape(2, 2, 3) - 3) / np.sqrt(4.001) * 2 + 1
    assert np.allclose(image, expected, atol=1e-5)


def test_the_usual_eps_of_keras_is_not_that_of_torch():
    weights = {"moving_mean": [0.0], "moving_variance": [0.0]}
    generator = one_map("BatchNormalization", weights, axis=3, scale=False, center=False)
    assert np.allclose(drawn(generator, np.ones((2, 3, 1))), 1 / np.sqrt(0.001))


def test_flatten_goes_row_by_row_with_channels_fastest():
    model = sequential(
        layer("Flatten", "f", batch_input_shape=[None, 2, 2, 3]),
        layer("Dense", "d", units=12, use_bias=False),
        layer("Reshape", "r", target_shape=[4, 1, 3]),
    )
    generator = from_keras(model, {"d/d/kernel:0": torch.eye(12)})
    z = np.arange(12).reshape(2, 2, 3)
    assert np.array_equal(drawn(generator, z), z.reshape(4, 1, 3))


def test_resizing_and_borders():
    z = np.arange(6.0).reshape(2, 3, 1)
    up = drawn(one_map("UpSampling2D", {}, size=[2, 1]), z)
    assert np.array_equal(up, z.repeat(2, 0))
    smooth = drawn(one_map("UpSampling2D", {}, size=2, interpolation="bilinear"), z)
    assert smooth[0, :, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2]
    padded = drawn(one_map("ZeroPadding2D", {}, padding=[[1, 0], [0, 2]]), z)
    assert padded.shape == (3, 5, 1) and np.array_equal(padded[1:, :3], z) and not padded[0].any()
    assert np.array_equal(drawn(one_map("Cropping2D", {}, cropping=[[1, 0], [0, 2]]), z), z[1:, :1])


@pytest.mark.parametrize(
    ("kind", "config", "expected"),
    [
        ("LeakyReLU", {"alpha": 0.2}, [-0.4, 3]),
        ("LeakyReLU", {}, [-0.6, 3]),
        ("LeakyReLU", {"negative_slope": 0.5}, [-1, 3]),
        ("ReLU", {}, [0, 3]),
        ("Activation", {"activation": "tanh"}, np.tanh([-2, 3])),
        ("Activation", {"activation": "sigmoid"}, 1 / (1 + np.exp([2.0, -3]))),
        ("Activation", {"activation": "leaky_relu"}, [-0.4, 3]),
        ("Activation", {"activation": "linear"}, [-2, 3]),
        ("Dropout", {"rate": 0.5}, None),
    ],
)
def test_activations(kind, config, expected):
    if kind == "Dropout":  # nothing is left of it
        model = sequential(layer("Dropout", "x", batch_input_shape=[None, 1, 2, 1], **config), layer("ReLU", "r"))
        assert list(from_keras(model, {}).layers) == ["r"]
        return
    generator = one_map(kind, {}, shape=(1, 2, 1), **config)
    assert np.allclose(drawn(generator, [[[-2], [3]]]).ravel(), expected, atol=1e-6)
    assert generator.output_range == ((0, 1) if config.get("activation") == "sigmoid" else (-1, 1))


def conditional(keras3=False, merge="Concatenate"):
    """Digits as tutorials do it: an embedded label beside the noise."""
    names = ["noise", "label", "embed", "flat", "join", "fc", "maps"]
    layers = [
        layer("InputLayer", "noise", batch_input_shape=[None, 2]),
        layer("InputLayer", "label", batch_input_shape=[None, 1]),
        layer("Embedding", "embed", ["label"], input_dim=3, output_dim=2),
        layer("Flatten", "flat", ["embed"]),
        layer(merge, "join", ["noise", "flat"]),
        layer("Dense", "fc", ["join"], units=4, use_bias=False),
        layer("Reshape", "maps", ["fc"], target_shape=[2, 2, 1]),
    ]
    if keras3:
        for each in layers:
            sources = [node[0] for nodes in each["inbound_nodes"] for node in nodes]
            keys = [{"class_name": "__keras_tensor__", "config": {"keras_history": [s, 0, 0]}} for s in sources]
            each["inbound_nodes"] = [{"args": [keys if len(keys) > 1 else keys[0]], "kwargs": {}}] if keys else []
            if "batch_input_shape" in each["config"]:
                each["config"]["batch_shape"] = each["config"].pop("batch_input_shape")
    assert [each["name"] for each in layers] == names
    inputs = 4 if merge == "Concatenate" else 2
    weights = tensors(embed__embed__embeddings=[[1, 2], [3, 4], [5, 6]], fc__fc__kernel=np.ones((inputs, 4)))
    return functional(layers[::-1], "maps"), weights


@pytest.mark.parametrize("keras3", [False, True], ids=["keras 2", "keras 3"])
@pytest.mark.parametrize(
    ("merge", "expected"), [("Concatenate", [33, 37, 41]), ("Multiply", [50, 110, 170]), ("Add", [33, 37, 41])]
)
def test_a_graph_with_a_class(keras3, merge, expected):
    """Noise (10, 20) and (1, 2), (3, 4), (5, 6): 10 + 20 + 1 + 2 = 33 …, or 10 · 1 + 20 · 2 = 50 …"""
    generator = from_keras(*conditional(keras3, merge))
    z = torch.tensor([[10.0, 20.0]]).expand(3, 2)
    images = generator.images((z, torch.arange(3)), clamp=False)
    assert images[:, 0, 0, 0].tolist() == expected
    assert generator.n_classes == 3 and generator.z_shape == (2,)


def test_a_class_may_be_one_hot():
    model, weights = conditional()
    layers = [each for each in model["config"]["layers"] if each["name"] not in ("embed", "flat")]
    for each in layers:
        if each["name"] == "label":
            each["config"]["batch_input_shape"] = [None, 2]
        if each["name"] == "join":
            each["inbound_nodes"] = [[["noise", 0, 0, {}], ["label", 0, 0, {}]]]
    generator = from_keras(functional(layers, "maps"), {"fc/fc/kernel:0": weights["fc/fc/kernel:0"] / 20})
    assert generator.n_classes == 2
    check_generator(generator)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m["config"]["layers"][0].update(class_name="Lambda"), "'d' is a Lambda, which is not read here"),
        (lambda m: m["config"]["layers"][0]["config"].update(activation="softmax"), "activation 'softmax'"),
        (lambda m: m["config"]["layers"][2]["config"].update(data_format="channels_first"), "channels last"),
        (lambda m: m["config"]["layers"][2]["config"].update(output_padding=[1, 1]), "output_padding"),
        (lambda m: m["config"]["layers"][2]["config"].update(padding="causal"), "'same' or 'valid'"),
        (lambda m: m["config"]["layers"][1]["config"].update(target_shape=[6]), "does not fit what comes"),
        (lambda m: m.update(class_name="Painter"), "Sequential or Functional"),
        (lambda m: m["config"].update(layers=[]), "list its layers"),
        (lambda m: m["config"]["layers"].pop(), "weights that no layer uses: c/c/kernel"),
    ],
)
def test_what_is_not_read_is_refused_by_name(change, words):
    model = sequential(
        layer("Dense", "d", batch_input_shape=[None, 1], units=6, use_bias=False),
        layer("Reshape", "r", target_shape=[2, 3, 1]),
        layer("Conv2DTranspose", "c", use_bias=False, padding="same", strides=[2, 2]),
    )
    weights = {"d/d/kernel:0": torch.ones(1, 6), "c/c/kernel:0": torch.ones(3, 3, 1, 1)}
    assert from_keras(model, weights).image_shape == (1, 4, 6)
    change(model)
    with pytest.raises(ValueError, match=words):
        from_keras(model, weights)


def test_an_h5_file_is_loaded_by_name_of_its_layers(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py (extra keras) is not installed")
    random = np.random.RandomState(0)
    model = sequential(
        layer("Dense", "dense_1", batch_input_shape=[None, 3], units=8, use_bias=False),
        layer("Reshape", "reshape", target_shape=[2, 2, 2]),
        layer("Conv2DTranspose", "deconv", strides=[2, 2], padding="same", activation="tanh"),
    )
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(model), "2.12.0"
        file["model_weights/dense_1/dense_1/kernel:0"] = random.normal(size=(3, 8)).astype("f4")
        file["model_weights/deconv/deconv/kernel:0"] = random.normal(size=(4, 4, 1, 2)).astype("f4")
        file["model_weights/deconv/deconv/bias:0"] = np.zeros(1, "f4")
        file["optimizer_weights/Adam/m:0"] = np.zeros(3, "f4")
    generator = gw.load(tmp_path / "g.h5")
    assert list(generator.layers) == ["dense_1", "reshape", "deconv", "deconv_tanh"]
    assert generator.image_shape == (1, 4, 4)
    check_generator(generator)
    with pytest.raises(ValueError, match="A Keras file with its own layers needs no `recipe`"):
        gw.load(tmp_path / "g.h5", recipe=["linear dense_1", "tanh"])


def numbered_weights(bias=True):
    """Of dense → reshape → norm → conv → conv, as Keras 3 files them: by kind, not by name."""
    draw = np.random.RandomState(0).standard_normal
    shapes = {
        "dense": [(2, 8)],
        "batch_normalization": [(2,)] * 4,
        "conv2d": [(3, 3, 2, 2)],
        "conv2d_1": [(1, 1, 2, 3)],
    }
    shapes["dense"] += [(8,)] if bias else []
    weights = {f"layers/{kind}/vars/{n}": draw(s) for kind, all_ in shapes.items() for n, s in enumerate(all_)}
    weights["layers/batch_normalization/vars/3"] **= 2
    return {path: torch.tensor(part, dtype=torch.float32) for path, part in weights.items()}


def numbered_model(bias=True):
    return sequential(
        layer("InputLayer", "in", batch_shape=[None, 2]),
        layer("Dense", "spread", use_bias=bias),
        layer("Reshape", "map", target_shape=[2, 2, 2]),
        layer("BatchNormalization", "norm"),
        layer("Conv2D", "conv2d_1", padding="same", use_bias=False),  # named as the folder of the next one
        layer("Dropout", "drop"),
        layer("Conv2D", "last", use_bias=False, activation="tanh"),
    )


@pytest.mark.parametrize("bias", [True, False])
def test_keras_3_numbers_its_weights(bias, tmp_path):
    h5py = pytest.importorskip("h5py")
    weights = numbered_weights(bias)
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        for path, part in weights.items():
            file[path] = part.numpy()
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, np.uint32)
    with zipfile.ZipFile(tmp_path / "g.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(numbered_model(bias)))
        archive.write(tmp_path / "model.weights.h5", "model.weights.h5")
    state = gw.load(tmp_path / "g.keras").module.state_dict()
    where = {"weight": 0, "bias": 1, "running_mean": 2, "running_var": 3}
    for kind, number in where.items():
        torch.testing.assert_close(state[f"norm.{kind}"], weights[f"layers/batch_normalization/vars/{number}"])
    torch.testing.assert_close(state["spread.weight"], weights["layers/dense/vars/0"].T)
    assert ("spread.bias" in state) == bias
    torch.testing.assert_close(state["conv2d_1.weight"], weights["layers/conv2d/vars/0"].permute(3, 2, 0, 1))
    torch.testing.assert_close(state["last.weight"], weights["layers/conv2d_1/vars/0"].permute(3, 2, 0, 1))


def test_a_weight_that_is_there_twice_is_refused():
    model = sequential(
        layer("InputLayer", "in", batch_input_shape=[None, 4, 4, 3]), layer("Conv2D", "c", use_bias=False)
    )
    kernel = torch.ones(1, 1, 3, 3)
    with pytest.raises(ValueError, match="layer c must have one kernel, but the file holds two"):
        from_keras(model, {"c/a/kernel:0": kernel, "c/b/kernel:0": kernel * 9})


def test_latents_and_classes_that_no_generator_has():
    def of(shape, classes=None):
        inputs = [layer("InputLayer", "z", batch_input_shape=[None, *shape])]
        if classes:
            inputs.append(layer("InputLayer", "label", batch_input_shape=[None, classes]))
        conv = layer("Conv2D", "c", ["z"], padding="same", use_bias=False)
        return from_keras(functional([*inputs, conv], "c"), {"c/c/kernel:0": torch.ones(1, 1, 3, 3)})

    with pytest.raises(ValueError, match="1 to 268,435,456 numbers, got the shape"):
        of((40960, 40960, 3))
    with pytest.raises(ValueError, match="class input 'label', but no layer takes it"):
        of((4, 4, 3), 300_000_000)
