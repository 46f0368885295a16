"""Hugging Face models load from a directory without a network, and answer as transformers itself does."""

import json
import os
import shutil
import time

import pytest
import torch

transformers = pytest.importorskip("transformers")

NAMES = {0: "background", 1: "cat", 2: "sofa"}
SWIN = {
    "image_size": 64,
    "patch_size": 4,
    "embed_dim": 16,
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 1, 1, 1],
    "window_size": 2,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}


def segformer():
    config = transformers.SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        id2label=NAMES,
    )
    processor = transformers.SegformerImageProcessor(size={"height": 48, "width": 40})
    return transformers.SegformerForSemanticSegmentation(config), processor


def mask2former():
    config = transformers.Mask2FormerConfig(
        backbone_config=transformers.SwinConfig(**SWIN),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        dim_feedforward=16,
        num_attention_heads=2,
        decoder_layers=3,
        encoder_layers=1,
        num_queries=5,
        id2label=NAMES,
    )
    processor = transformers.Mask2FormerImageProcessor(size={"shortest_edge": 40, "longest_edge": 96})
    return transformers.Mask2FormerForUniversalSegmentation(config), processor


def detr():
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16, 16, 32], depths=[1] * 4, out_features=[f"stage{i}" for i in (1, 2, 3, 4)]
    )
    config = transformers.DetrConfig(
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=8,
        decoder_attention_heads=8,
        num_queries=5,
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        id2label=NAMES,
    )
    processor = transformers.DetrImageProcessor(size={"shortest_edge": 40, "longest_edge": 96})
    return transformers.DetrForSegmentation(config), processor


def mobilevit():
    config = transformers.MobileViTConfig(
        image_size=64,
        hidden_sizes=[8] * 3,
        neck_hidden_sizes=[8] * 7,
        num_attention_heads=2,
        aspp_out_channels=8,
        id2label=NAMES,
    )
    processor = transformers.MobileViTImageProcessor(size={"height": 64, "width": 64}, do_center_crop=False)
    return transformers.MobileViTForSemanticSegmentation(config), processor


MAKERS = {"segformer": segformer, "mask2former": mask2former, "detr": detr, "mobilevit": mobilevit}


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """No progress bars of transformers in the test's output; its parts are imported here, which takes seconds."""
    transformers.utils.logging.disable_progress_bar()
    assert transformers.SegformerForSemanticSegmentation and transformers.SegformerImageProcessor


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    """A directory of each kind of model, with random weights; made when first asked for."""
    root, made = tmp_path_factory.mktemp("models"), {}

    def directory(kind):
        if kind not in made:
            torch.manual_seed(1)
            model, processor = MAKERS[kind]()
            _enliven(model.eval())
            model.save_pretrained(root / kind)
            processor.save_pretrained(root / kind)
            made[kind] = model.eval(), processor
        return root / kind, *made[kind]

    return directory


def _enliven(model):
    """Larger weights and measured BatchNorm statistics; with initial ones all pixels are alike."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    norms = [part for part in model.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = 1.0
    with torch.no_grad():
        model(pixel_values=images(4, 64, 64))
    model.eval()


@pytest.fixture
def copy(directories, tmp_path):
    """A SegFormer directory to damage."""
    return shutil.copytree(directories("segformer")[0], tmp_path / "damaged")


def images(n=2, height=40, width=56):
    """Pictures whose values are whole numbers of 255, as a processor wants them."""
    noise = torch.rand(n, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(noise, (height, width), mode="bilinear")
    return (large * 255).round() / 127.5 - 1


def as_bytes(pictures):
    return list(((pictures + 1) * 127.5).round().to(torch.uint8))


def edit_config(directory, **changes):
    path = directory / "config.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def load(directory, **options):
    from ganwidgets import segment

    return segment.load(f"hf:{directory}", **options)


@pytest.mark.parametrize("kind", MAKERS)
def test_it_answers_as_transformers_does(directories, kind):
    directory, model, processor = directories(kind)
    S, pictures = load(directory), images()
    inputs = processor(as_bytes(pictures), return_tensors="pt")
    prepared = S.preparation(pictures)
    assert prepared.shape == inputs["pixel_values"].shape
    step = 1 / 255 / min(S.preparation.std)  # theirs resizes with whole numbers
    assert (prepared - inputs["pixel_values"]).abs().max() <= 1.1 * step
    with torch.no_grad():
        output, scores = model(pixel_values=prepared), S.scores(pictures)
    theirs = processor.post_process_semantic_segmentation(
        output, target_sizes=[(40, 56)] * 2, return_segmentation_scores=True
    )
    for number, one in enumerate(theirs):
        maps = one["segmentation_scores"]
        expected = maps.softmax(0) if S.outputs == "logits" else maps.clamp(max=1)
        assert maps.std(dim=(1, 2)).min() > 1e-4
        assert torch.allclose(scores[number], expected[1:], atol=1e-5)
        assert torch.equal(S(pictures)[number, 0].long(), one["segmentation"])  # background is 0 in both


def test_without_resizing_the_preparation_is_theirs_exactly(directories):
    directory, _, processor = directories("segformer")
    pictures = images(height=48, width=40)
    inputs = processor(as_bytes(pictures), return_tensors="pt")["pixel_values"]
    assert torch.allclose(load(directory).preparation(pictures), inputs, atol=1e-6)


@pytest.mark.parametrize("kind", MAKERS)
def test_it_keeps_the_promises_of_a_segmenter(directories, kind):
    from ganwidgets.testing import check_segmenter

    S = load(directories(kind)[0])
    assert check_segmenter(S, images(3)) == ("names", "segmentation", "scores")
    assert (S.concepts, S.categories, S.name) == (("cat", "sofa"), ("object", "object"), f"hf:{kind}")
    grey = images()[:, :1]
    assert torch.equal(S(grey), S(grey.expand(-1, 3, -1, -1)))


def test_nothing_but_the_directory_is_looked_at(directories, monkeypatch):
    import socket

    def refused(*args, **kwargs):
        raise AssertionError("a look at the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    load(directories("segformer")[0])


def test_transformers_own_settings_stay_as_they_were(directories):
    logging = transformers.utils.logging
    logging.set_verbosity_info()
    try:
        load(directories("segformer")[0])
        assert logging.get_verbosity() == logging.INFO and not logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity_warning()


def test_the_size_at_which_it_sees_can_be_chosen(directories):
    directory = directories("segformer")[0]
    assert load(directory).preparation.input_size(64, 32) == (48, 40)
    assert load(directory, input_size="image").preparation.input_size(64, 32) == (64, 32)
    assert load(directory, input_size=24).preparation.input_size(64, 32) == (48, 24)
    assert "sees 48 × 40" in repr(load(directory))
    marks = {load(directory, **more).fingerprint() for more in ({}, {"input_size": 24}, {"threshold": 0.4})}
    assert len(marks) == 3


def test_what_loads_it_again_is_known_unless_there_were_options(directories):
    from ganwidgets.panels import segmenter_for, segmenter_name

    directory = directories("segformer")[0]
    S = segmenter_for(object(), f"hf:{directory}")
    assert segmenter_name(S) == f"hf:{directory}"
    assert segmenter_name(load(directory, threshold=0.4)) == ""


def test_a_pickle_of_weights_is_read_as_data_and_runs_nothing(copy, directories):
    state = directories("segformer")[1].state_dict()
    (copy / "model.safetensors").unlink()
    torch.save(state, copy / "pytorch_model.bin")
    assert torch.equal(load(copy)(images()), load(directories("segformer")[0])(images()))

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(copy / "ran"),)

    torch.save({"evil": Evil(), **state}, copy / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"pytorch_model\.bin"):
        load(copy)
    assert not (copy / "ran").exists()


def test_weights_in_several_files(copy, directories):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    places = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(state)}
    for part in sorted(set(places.values())):
        save_file({name: state[name] for name in state if places[name] == part}, copy / part)
    index = copy / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    assert torch.equal(load(copy)(images()), load(directories("segformer")[0])(images()))
    for wrong in ("../part-0.safetensors", "/etc/passwd", "absent.safetensors"):
        index.write_text(json.dumps({"weight_map": places | {"x": wrong}}))
        with pytest.raises(ValueError, match="must name weight files beside it"):
            load(copy)


def refusal(directory, error=ValueError):
    with pytest.raises(error) as caught:
        load(directory)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_classifier_is_no_segmenter(copy):
    edit_config(copy, architectures=["SegformerForImageClassification"])
    assert "must be a semantic, panoptic or universal segmentation model, but is SegformerForImage" in refusal(copy)
    edit_config(copy, model_type="bert", architectures=None)
    assert "but is a model of type bert" in refusal(copy)


def test_code_that_comes_with_a_model_is_not_run(copy):
    (copy / "own.py").write_text("import pathlib; pathlib.Path(__file__).with_name('ran').touch()")
    edit_config(copy, model_type="own", auto_map={"AutoConfig": "own.Config"})
    assert "got 'own'; it brings Python code of its own (auto_map), which is never run" in refusal(copy)
    edit_config(copy, model_type="segformer")  # a known type with such an entry is built from transformers' own code
    load(copy)
    assert not (copy / "ran").exists()


def test_code_from_elsewhere_is_not_fetched(copy):
    for where in (
        {"attn_implementation": "someone/kernel"},
        {"part": {"_attn_implementation": "paged|someone/kernel"}},
    ):
        edit_config(copy, **where)
        assert "asks for code from elsewhere" in refusal(copy) and "someone/kernel" in refusal(copy)
        edit_config(copy, **dict.fromkeys(where))
    edit_config(copy, attn_implementation="eager")
    load(copy)


def test_the_configuration_is_judged_before_weights_are_read(copy):
    (copy / "model.safetensors").write_bytes(b"no weights at all")
    edit_config(copy, architectures=["SegformerForImageClassification"])
    assert "but is SegformerForImageClassification" in refusal(copy)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "must name its classes"),
        ({"0": "a", "2": "b"}, "number its classes from 0 without gaps"),
        ({"zero": "a"}, "must number its classes"),
    ],
)
def test_classes_without_names_or_numbers(copy, labels, message):
    edit_config(copy, id2label=labels)
    assert message in refusal(copy)


def test_weights_that_are_missing_would_be_random(copy):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / "model.safetensors")
    del state["decode_head.classifier.weight"]
    save_file(state, copy / "model.safetensors")
    assert "1 are missing, as decode_head.classifier.weight: they would be random numbers" in refusal(copy)


def test_weights_without_a_place_would_be_left_out(copy):
    from safetensors.torch import load_file, save_file

    state = load_file(copy / "model.safetensors")
    counters = {"segformer.norm.num_batches_tracked": torch.tensor(3), "segformer.position_ids": torch.arange(4)}
    save_file(state | counters, copy / "model.safetensors")  # of old files; nothing depends on them
    load(copy)
    save_file(state | {"decode_head.extra.weight": torch.ones(3)}, copy / "model.safetensors")
    assert "but 1 have no place in it, as decode_head.extra.weight" in refusal(copy)


def test_a_configuration_shallower_than_its_weights(directories, tmp_path):
    model = transformers.SegformerForSemanticSegmentation(
        transformers.SegformerConfig.from_pretrained(directories("segformer")[0], depths=[2, 2])
    )
    copy = shutil.copytree(directories("segformer")[0], tmp_path / "deep")
    model.save_pretrained(copy)
    edit_config(copy, depths=[1, 1])
    assert "have no place in it, as segformer." in refusal(copy)


def test_a_configuration_of_a_huge_network_takes_no_memory(copy, monkeypatch):
    kind = transformers.SegformerForSemanticSegmentation
    monkeypatch.setattr(kind, "from_pretrained", lambda *_, **__: pytest.fail("it was built"))
    edit_config(copy, decoder_hidden_size=15_000)
    assert "config.json gives decode_head" in refusal(copy)
    (copy / "model.safetensors").unlink()
    torch.save({"x": torch.zeros(1)}, copy / "pytorch_model.bin")  # with no name in common
    assert "numbers as weights, and its files hold 1" in refusal(copy)


def test_files_that_are_damaged_or_not_there(copy):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "model.safetensors must be a complete weights file" in refusal(copy)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "Git LFS pointer" in refusal(copy)
    path.unlink()
    assert "has neither" in refusal(copy, FileNotFoundError)
    (copy / "preprocessor_config.json").unlink()
    assert "give preparation=gw.segment.Preparation" in refusal(copy, FileNotFoundError)
    (copy / "config.json").write_text("[1, 2")
    assert "config.json in damaged is damaged: it is no JSON" in refusal(copy)
    (copy / "config.json").unlink()
    assert "must hold a config.json that says which network it is, but holds" in refusal(copy, FileNotFoundError)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"depths": [1, 5000]}, "network of many more tensors than the"),
        ({"depths": [1, 10**9]}, "ask for at most 10,000 as depths, got 1,000,000,001"),
        ({"part": {"encoder_layers": 10**9}}, "ask for at most 10,000 as encoder_layers, got 1,000,000,000"),
        ({"num_labels": 10**9}, "ask for at most 1,000,000 as num_labels, got 1,000,000,000"),
    ],
)
def test_a_configuration_of_very_many_blocks_or_labels_is_given_up_at_once(copy, change, sentence):
    edit_config(copy, **change)
    began = time.process_time()
    assert sentence in refusal(copy)
    assert time.process_time() - began < 10  # [s]; a thousand million of them would take days


def test_another_size_in_the_configuration_than_in_the_weights(copy):
    edit_config(copy, decoder_hidden_size=32)
    assert "could not be built as a SegformerForSemanticSegmentation" in refusal(copy)


def test_a_preparation_of_ones_own_stands_in_for_the_processor(copy):
    from ganwidgets.segment import Preparation

    (copy / "preprocessor_config.json").unlink()
    assert load(copy, preparation=Preparation(size=(48, 40))).preparation.mean == (0.5, 0.5, 0.5)


def test_names_are_looked_up_in_the_cache_and_then_downloaded(directories, monkeypatch, tmp_path):
    import huggingface_hub

    directory, asked = directories("segformer")[0], []

    def snapshot(name, *, local_files_only=False, revision=None, allow_patterns):
        asked.append((name, local_files_only, revision))
        assert not any(pattern.endswith((".py", ".bin", ".pt")) for pattern in allow_patterns)
        return tmp_path if local_files_only else directory  # in the cache only a part

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert load("someone/segformer").name == "hf:someone/segformer"
    assert asked == [("someone/segformer", True, None), ("someone/segformer", False, None)]
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, local_files_only=False, **more: directory)
    load("someone/segformer", revision="v2")


def test_a_name_that_cannot_be_had_says_what_to_do(monkeypatch):
    import huggingface_hub

    def offline(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    assert "could not be downloaded (no route to host); download it where" in refusal(
        "someone/model", FileNotFoundError
    )
    for path in ("/no/such/directory", "./absent", "a/b/c", ""):
        assert "must be a model's directory or its Hugging Face name" in refusal(path, FileNotFoundError)


def test_without_transformers_the_extra_is_named(directories, monkeypatch):
    from ganwidgets.segment import hub

    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    assert "pip install 'ganwidgets[segment]'" in refusal(directories("segformer")[0], ImportError)
