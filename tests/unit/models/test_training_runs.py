"""Whole runs on a tiny randomly initialised encoder: in the training environment only (torch)."""

import json
import random

import pytest

REASON = "the train extra is not installed here"
torch = pytest.importorskip("torch", reason=REASON)
transformers = pytest.importorskip("transformers", reason=REASON)
pytest.importorskip("openvino", reason=REASON)

from streams.errors import Misconfigured  # noqa: E402
from streams.models import averaging, calibration, checkpoints, export, lora, network, training, vocabulary  # noqa: E402
from streams.models.backbone import read_tensors, unpack  # noqa: E402
from streams.models.datasets import SOURCES  # noqa: E402
from streams.models.recipes import Recipe  # noqa: E402
from streams.models.served import Scorer  # noqa: E402

WORDS = {
    "negative": ["falls", "loss", "weak"],
    "neutral": ["holds", "meets", "flat"],
    "positive": ["rises", "gain"],
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backbone")
    letters = [chr(n) for n in range(97, 123)] + list("0123456789$.;,")
    known = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *(word for words in WORDS.values() for word in words),
        "acme",
        "##s",
    ]
    pieces = known + letters + [f"##{c}" for c in letters if c != "s"]
    specials = {
        name: {"id": name, "ids": [pieces.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")
    }
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": n,
                "content": pieces[n],
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for n in range(4)
        ],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_special("[CLS]"), _sequence("A"), _special("[SEP]")],
            "pair": [_special("[CLS]"), _sequence("A"), _special("[SEP]"), _sequence("B"), _special("[SEP]")],
            "special_tokens": specials,
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: n for n, piece in enumerate(pieces)},
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(pieces),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        layer_norm_eps=1e-12,
        pad_token_id=0,
    )
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def _special(name):
    return {"SpecialToken": {"id": name, "type_id": 0}}


def _sequence(name):
    return {"Sequence": {"id": name, "type_id": 0}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    generator = random.Random(2)
    rows = []
    for number in range(240):
        label = ("negative", "neutral", "positive")[number % 3]
        noise = "".join(generator.choices("bcdghjkq", k=24))
        rows.append(f"{generator.choice(WORDS[label])} {noise} {generator.choice(WORDS[label])},{label}\n")
    (folder / "sentiment_en").mkdir()
    (folder / "sentiment_en/tfns_train.csv").write_text("text,label\n" + "".join(rows), "utf-8")
    return folder


LEFT_OUT = ("own", *(s.path for s in SOURCES["sentiment"] if "tfns" not in s.path))


def recipe(**changes):
    usual = {
        "task": "sentiment",
        "language": "en",
        "name": "tiny",
        "epochs": 4,
        "batch": 16,
        "learning_rate": 2e-3,
        "dev_share": 0.25,
        "max_tokens": 48,
        "exclude": LEFT_OUT,
        "freeze_embeddings": False,
    }
    return Recipe(**(usual | changes))


@pytest.fixture(scope="module")
def finished(backbone, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "plain"
    training.train(recipe(), data, backbone, out, threads=1)
    return out


def test_a_run_learns_and_leaves_weights_history_curves_and_recipe(finished):
    record = json.loads((finished / "recipe.json").read_text("utf-8"))
    history = json.loads((finished / "history.json").read_text("utf-8"))
    assert record["dev_by_file"]["sentiment_en/tfns_train.csv"]["accuracy"] > 0.6
    assert history["steps"][0]["loss"] > history["steps"][-1]["loss"]
    assert record["texts"] == history["texts"] > 0
    assert (finished / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_resumed_run_sees_what_an_unbroken_one_saw(finished, backbone, data, tmp_path, monkeypatch):
    whole = training._Run.epoch

    def interrupted(run, examples, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        whole(run, examples, epoch)

    with monkeypatch.context() as broken:
        broken.setattr(training._Run, "epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            training.train(recipe(), data, backbone, tmp_path, threads=1)
    training.train(recipe(), data, backbone, tmp_path, resume=True, threads=1)
    unbroken, resumed = (torch.load(f / "weights.pt", weights_only=True) for f in (finished, tmp_path))
    assert all(torch.allclose(unbroken[name], resumed[name], atol=1e-5) for name in unbroken)


@pytest.mark.parametrize(
    "changes",
    [
        {"r_drop": 0.5},
        {"fgm": 0.5},
        {"balance": 0.5},
        {"target": "text"},
        {"layer_decay": 0.8},
        {"average_last": 2},
        {"lora_rank": 4},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_each_option_of_a_recipe_trains_a_model_that_loads_again(changes, backbone, data, tmp_path):
    training.train(recipe(**changes), data, backbone, tmp_path, threads=1)
    record = json.loads((tmp_path / "recipe.json").read_text("utf-8"))
    chances = checkpoints.load_checkpoint(tmp_path, record)([("profit rises", ""), ("profit falls", "Acme")])
    assert chances.shape == (2, 3)
    assert chances.sum(1) == pytest.approx(1)


def test_a_student_learns_what_its_teachers_say(finished, backbone, data, tmp_path):
    taught = recipe(teachers=(str(finished),), teaching=1.0)
    record = training.train(taught, data, backbone, tmp_path, threads=1)
    assert record["dev_by_file"]["sentiment_en/tfns_train.csv"]["accuracy"] > 0.6


def test_lora_trains_a_small_part_and_merges_into_plain_weights(backbone):
    model = network.build(backbone, 3)
    names = set(model.state_dict())
    assert lora.adapt(model, rank=2) == 4
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained < 0.1 * sum(p.numel() for p in model.parameters())
    lora.merge(model)
    assert set(model.state_dict()) == names


def test_deeper_layers_learn_slower(backbone):
    groups = network.parameter_groups(network.build(backbone, 3), rate=1.0, head_factor=10, decay=0.5)
    assert [group["lr"] for group in groups] == [10, 1, 0.5, 0.25]


def test_the_mean_of_two_runs_is_the_mean_of_their_weights(finished, backbone, data, tmp_path):
    training.train(recipe(seed=3), data, backbone, tmp_path / "other", threads=1)
    averaging.average([finished, tmp_path / "other"], data, tmp_path / "mean")
    first, second, mean = (
        torch.load(folder / "weights.pt", weights_only=True)
        for folder in (finished, tmp_path / "other", tmp_path / "mean")
    )
    name = "head.weight"
    assert torch.allclose(mean[name], (first[name] + second[name]) / 2)
    with pytest.raises(Misconfigured, match="two checkpoints"):
        averaging.average([finished], data, tmp_path / "alone")


@pytest.fixture(scope="module")
def exported(finished, data, tmp_path_factory):
    repository = tmp_path_factory.mktemp("repo")
    with pytest.MonkeyPatch.context() as lenient:
        lenient.setattr(export, "ALLOWED_LOSS", 1.0)  # a tiny random network is rounded roughly
        export.export([finished], "sentiment", repository, 2, data)
    return repository / "sentiment" / "2"


def test_an_exported_version_answers_as_its_checkpoint(exported, finished):
    record = json.loads((finished / "recipe.json").read_text("utf-8"))
    pairs = [("acme rises gain", ""), ("acme falls loss", "Acme")]
    exactly = checkpoints.load_checkpoint(finished, record)(pairs)
    scorer = Scorer(exported)
    assert scorer.metadata["experts"]["en"]["calibration"]["method"] in calibration.METHODS
    assert (scorer.many(pairs).argmax(1) == exactly.argmax(1)).all()
    scorer.close()


def test_an_export_states_its_origin_its_figures_and_its_cost(exported):
    metadata = json.loads((exported / "metadata.json").read_text("utf-8"))
    entry = metadata["experts"]["en"]
    assert metadata["model_version"] == f"sentiment-{export.RELEASE}-{metadata['sha256'][:8]}"
    assert metadata["dev"]["batch_invariant"]
    assert {"int8", "fp32", "ece_cross_fitted", "int8_loss_macro_f1"} <= set(entry["dev"])
    assert entry["recipe"]["epochs"] == 4
    assert (exported / "reports" / "en-curves.png").is_file()


def test_int8_weights_that_cost_too_much_are_refused(finished, data, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "ALLOWED_LOSS", -1.0)
    with pytest.raises(Misconfigured, match="int8 costs"):
        export.export([finished], "sentiment", tmp_path, 2, data)


def test_two_checkpoints_of_one_language_are_refused(finished, tmp_path):
    with pytest.raises(Misconfigured, match="two checkpoints for one language"):
        export.export([finished, finished], "sentiment", tmp_path, 2)


def test_a_release_becomes_a_backbone_with_its_own_weights(finished, backbone, tmp_path):
    record = json.loads((finished / "recipe.json").read_text("utf-8"))
    release = tmp_path / "release"
    release.mkdir()
    export.to_onnx(finished, record, release / "model.onnx")
    (release / "tokenizer.json").write_bytes((finished / "tokenizer.json").read_bytes())
    unpack(release, tmp_path / "again", "a release")
    trained = torch.load(finished / "weights.pt", weights_only=True)
    tensors = read_tensors(release / "model.onnx")
    name = "encoder.layer.1.output.dense.weight"
    assert torch.allclose(torch.tensor(tensors[name]), trained[f"encoder.{name}"])
    model = network.build(tmp_path / "again", 3)
    assert torch.allclose(model.head.weight, trained["head.weight"])
    assert vocabulary.cut(json.loads((tmp_path / "again/tokenizer.json").read_text("utf-8")), {4})[1]
