"""Words of one's own become concepts; a tiny CLIPSeg with random weights shows that it is asked as its authors do."""

import json

import pytest
import torch

transformers = pytest.importorskip("transformers")

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A CLIPSeg of 32 × 32 pixels whose tokens are letters."""
    transformers.utils.logging.disable_progress_bar()
    where = tmp_path_factory.mktemp("models") / "clipseg"
    where.mkdir()
    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "<|startoftext|>", "<|endoftext|>"]
    (where / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (where / "merges.txt").write_text("#version: 0.2\n")
    small = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "projection_dim": 8}
    text = {"num_hidden_layers": 2, "vocab_size": 54, "max_position_embeddings": 20, "bos_token_id": 52}
    config = transformers.CLIPSegConfig(
        text_config=small | text | {"eos_token_id": 53, "pad_token_id": 53},
        vision_config=small | {"num_hidden_layers": 4, "image_size": 32, "patch_size": 8},
        projection_dim=8,
        extract_layers=[1, 2, 3],
        reduce_dim=8,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=8,
    )
    torch.manual_seed(0)
    transformers.CLIPSegForImageSegmentation(config).save_pretrained(where)
    transformers.CLIPTokenizer(str(where / "vocab.json"), str(where / "merges.txt")).save_pretrained(where)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(where)
    return where


def images():
    return torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1


def load(directory, words=("cat", "dog"), **options):
    from ganwidgets import segment

    return segment.load(f"hf:{directory}", words=list(words), **options)


def test_words_are_the_concepts(directory):
    S = load(directory, background=["sky"])
    assert (S.concepts, S.categories, S.slots) == (("cat", "dog"), ("concept", "concept"), ("object",))
    assert (S.name, S.source) == ("hf:clipseg", "")


def test_maps_are_those_of_the_model_asked_word_by_word(directory):
    S = load(directory, ["cat", "dog", "blue bird"])
    model = transformers.CLIPSegForImageSegmentation.from_pretrained(directory).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    tokens = tokenizer(["cat", "dog", "blue bird"], padding=True, return_tensors="pt")
    prepared = S.preparation(images())
    with torch.no_grad():
        theirs = torch.stack([model(pixel_values=one.expand(3, -1, -1, -1), **tokens).logits for one in prepared])
        scores = S.scores(images())
    assert theirs.std() > 0.1
    enlarged = torch.nn.functional.interpolate(theirs, (40, 48), mode="bilinear", align_corners=False)
    assert torch.allclose(scores, enlarged.sigmoid(), atol=1e-4)


def test_it_keeps_the_promises_of_a_segmenter(directory):
    from ganwidgets.testing import check_segmenter

    checked = check_segmenter(load(directory, background=["sky"], threshold=0.4), images())
    assert checked == ("names", "segmentation", "scores")


def test_pixels_below_the_threshold_or_of_the_background_are_nothing(directory):
    everything = load(directory, threshold=0.0)
    best = everything.scores(images()).amax(1)
    level = best.median().item()
    seg, all_named = load(directory, threshold=level)(images())[:, 0], everything(images())[:, 0]
    assert all_named.min() > 0
    assert torch.equal(seg, torch.where(best < level, 0, all_named))
    three = load(directory, ["cat", "dog", "sky"], threshold=0.0)(images())
    two = load(directory, ["cat", "dog"], background=["sky"], threshold=0.0)(images())
    assert torch.equal(two, torch.where(three == 3, 0, three))


def test_the_fingerprint_follows_words_and_sentence(directory):
    marks = [load(directory), load(directory), load(directory, ["cat", "cow"]), load(directory, template="a {} here")]
    assert len({S.fingerprint() for S in marks}) == 3


def test_the_same_word_with_another_sentence_looks_elsewhere(directory):
    plain, sentence = load(directory), load(directory, template="a photo of a {}")
    assert not torch.allclose(plain.scores(images()), sentence.scores(images()), atol=1e-3)


@pytest.mark.parametrize(
    ("words", "options", "error", "message"),
    [
        ((), {}, ValueError, "must hold a word"),
        (("cat", ""), {}, TypeError, "`words` must be a list of words"),
        (("cat",), {"background": "sky"}, TypeError, "`background` must be a list of words"),
        (("cat",), {"template": "a cat"}, ValueError, "a place for it"),
    ],
)
def test_words_that_cannot_be(directory, words, options, error, message):
    with pytest.raises(error, match=message):
        load(directory, words, **options)


def test_other_models_and_other_ways_are_told_apart(directory, tmp_path):
    from ganwidgets import segment

    with pytest.raises(ValueError, match=r"CLIPSegForImageSegmentation; give the words"):
        segment.load(f"hf:{directory}")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "segformer"}))
    with pytest.raises(ValueError, match="must be a CLIPSeg model to look for words, but is of type 'segformer'"):
        load(tmp_path)


def test_without_its_tokenizer_it_cannot_read_words(directory, tmp_path):
    for name in ("config.json", "model.safetensors", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((directory / name).read_bytes())
    with pytest.raises(ValueError, match="must hold its tokenizer"):
        load(tmp_path)
