"""Loading settings: what is wrong is one line that names the key's path."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import UsageError
from configs.loading import fingerprint, load_settings, parse_settings
from configs.preprocess import PreprocessSettings, SplitSettings
from configs.settings import Settings

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
# the words of invented titles: read by pipelines/sample.py, no settings
NOT_SETTINGS = {"sample_catalogue.yaml"}
SHIPPED = sorted(p for p in CONFIGS.glob("*.yaml") if p.name not in NOT_SETTINGS)


def written(folder: Path, text: str) -> Path:
    path = folder / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(document: object) -> str:
    """Return the message with which a document is refused; it is one line."""
    with pytest.raises(UsageError) as refused:
        parse_settings(document, "shop.yaml")
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_config_loads(path: Path) -> None:
    assert load_settings(path).name


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "name: shop\nsplit: {key: 1}\nsource: {}\nsplit: {key: 2}\n")
    with pytest.raises(UsageError, match=r"the key 'split' stands twice.* line 4"):
        load_settings(path)


def test_what_must_be_set_is_named_without_all_else_that_is_there() -> None:
    message = refusal({"split": {"key": 1}, "source": {"delimiter": ";"}})
    assert message == "config shop.yaml: name: it must be set"


def test_a_config_needs_nothing_but_a_name() -> None:
    assert parse_settings({"name": "shop"}).split == SplitSettings(train=0.6, valid=0.2, test=0.2)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"nmae": "shop"}, "nmae: unknown key; known here: categories, dump"),
        (
            {"split": {"tarin": 0.6}},
            "split.tarin: unknown key; known here: key, test, train, valid",
        ),
        ({"models": {"cnn": {"epoch": 1}}}, "models.cnn.epoch: unknown key; known here: "),
        (
            {"categories": {"levels": {"main": {"prat": 0}}}},
            "categories.levels.main.prat: unknown key",
        ),
        ({"preprocess": {"num_shards": "16"}}, "preprocess.num_shards: "),
        ({"preprocess": {"num_shards": 0}}, "preprocess.num_shards: "),
        ({"preprocess": {"num_shards": 1.5}}, "preprocess.num_shards: "),
        ({"objectives": {"rule_based": "yes"}}, "objectives.rule_based: "),
        ({"split": None}, "split: "),
        ({"split": {"train": 0.7}}, "split: train + valid + test must add to 1, got 1.1"),
        ({"split": {"train": 0.0, "valid": 0.8}}, "split: train must be above 0"),
        ({"split": {"train": 1.5, "valid": -0.5}}, "split.train: "),
        ({"split": {"train": float("nan")}}, "split.train: "),
        ({"objectives": {"exclusive": {"conflicts": "last"}}}, "objectives.exclusive.conflicts: "),
        ({"training": {"model": "lstmm"}}, "training.model: no such model: 'lstmm'; one of cnn, "),
        ({"models": {"lstm": {"dropout": 1.0}}}, "models.lstm.dropout: "),
        ({"models": {"lstm": {"layers": 0}}}, "models.lstm.layers: "),
        (
            {"models": {"lstm_dropout": {"recurrent_dropout": -0.1}}},
            "models.lstm_dropout.recurrent_dropout: ",
        ),
        ({"models": {"gru": {"units": 0}}}, "models.gru.units: "),
        ({"models": {"gru_4": {"layers": 3}}}, "models.gru_4.layers: unknown key"),
        ({"models": {"dense": {"learning_rate": 0.0}}}, "models.dense.learning_rate: "),
        (
            {"models": {"dense": {"learning_rate": "1e-3"}}},
            "models.dense.learning_rate: Input should be a valid number, got '1e-3'; to YAML that ",
        ),
        (
            {"source": {"header": [False, "title"]}},
            "source.header.0: Input should be a valid string, got False; YAML reads yes, no, on ",
        ),
        (
            {"source": {"header": [7]}},
            "source.header.0: Input should be a valid string, got 7; put",
        ),
        ({"models": {"text_cnn": {"kernel_sizes": []}}}, "models.text_cnn.kernel_sizes: "),
        ({"models": {"text_cnn": {"kernel_sizes": [3, 0]}}}, "models.text_cnn.kernel_sizes.1: "),
        ({"models": {"text_cnn": {"max_norm": 0.0}}}, "models.text_cnn.max_norm: "),
        (
            {"models": {"gru_1": {"vectors": {"path": "a", "format": "glov"}}}},
            "models.gru_1.vectors.format: ",
        ),
        ({"models": {"gru_1": {"vectors": {}}}}, "models.gru_1.vectors.path: "),
        (
            {"models": {"gru_1": {"vectors": {"pth": "a"}}}},
            "models.gru_1.vectors.pth: unknown key; known here: format, path, trained",
        ),
        ({"models": {"embedding_pool": {"pool": "min"}}}, "models.embedding_pool.pool: "),
        ({"models": {"bow_mlp": {"activation": "softmax"}}}, "models.bow_mlp.activation: "),
        ({"models": {"wide_deep": {"hidden_units": [0]}}}, "models.wide_deep.hidden_units.0: "),
        ({"models": {"wide_deep": {"wide_buckets": 0}}}, "models.wide_deep.wide_buckets: "),
        (
            {"training": {"model": "cnn"}, "features": {"tokens": {"length": 24}}},
            "models.cnn needs features.tokens.length of 25 or more, got 24",
        ),
        ({"name": "two words"}, "name: "),
    ],
)
def test_a_wrong_key_or_value_is_one_line_with_its_path(
    document: dict[str, object], expected: str
) -> None:
    assert refusal({"name": "shop", **document}).startswith(f"config shop.yaml: {expected}")


def test_only_the_model_that_is_trained_must_fit_the_titles() -> None:
    short = {"name": "shop", "features": {"tokens": {"length": 8}}}
    assert parse_settings(short).training.model == "bag_of_ngrams"
    small = {"cnn": {"kernel_size": 3, "strides": 2}}
    assert parse_settings({**short, "training": {"model": "cnn"}, "models": small})


def test_the_message_says_what_was_found() -> None:
    message = refusal({"name": "shop", "preprocess": {"num_shards": 0}})
    assert message.endswith("greater than or equal to 1, got 0")


def test_further_problems_are_counted() -> None:
    document = {"name": "shop", "preprocess": {"num_shards": 0, "batch_rows": 0}}
    assert refusal(document).endswith("(and 1 more)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [a\nb: c", "not valid YAML"),
        ("- name", "expected a mapping of sections, got a list"),
        ("", "expected a mapping of sections, got nothing"),
        ("just words", "expected a mapping of sections, got a str"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_in_one_line(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected) as refused:
        load_settings(written(tmp_path, text))
    assert len(str(refused.value).splitlines()) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml: cannot be read \(No such file"):
        load_settings(tmp_path / "nowhere.yaml")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("name: Möbel".encode("latin-1"))
    with pytest.raises(UsageError, match="it is not UTF-8"):
        load_settings(path)


def test_overrides_are_laid_over_the_file_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "name: shop\nsplit: {train: 0.8, valid: 0.1, test: 0.1}")
    overrides = ["models.cnn.epochs=9", "models.cnn.epochs=2", "source.columns.title=[ad, a]"]
    settings = load_settings(path, overrides)
    assert settings.models.cnn.epochs == 2
    assert settings.source.columns.title == ["ad", "a"]
    assert settings.split.train == 0.8


def test_an_override_fills_a_section_that_is_null(tmp_path: Path) -> None:
    path = written(tmp_path, "name: shop\nmodels: {gru_1: {vectors: null}}")
    vectors = load_settings(path, ["models.gru_1.vectors.path=glove.txt"]).models.gru_1.vectors
    assert vectors is not None
    assert vectors.path == "glove.txt"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("models.cnn.epochs", "expected KEY=VALUE"),
        ("=2", "expected KEY=VALUE"),
        ("name.first=x", "name is a value, not a section"),
        ("name=[a", "the value is not valid YAML"),
        ("models.cnn.epoch=2", "models.cnn.epoch: unknown key"),
        ("preprocess.num_shards=many", "preprocess.num_shards: .*got 'many'"),
    ],
)
def test_a_wrong_override_is_refused(tmp_path: Path, override: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected) as refused:
        load_settings(written(tmp_path, "name: shop"), [override])
    assert len(str(refused.value).splitlines()) == 1


def test_a_fingerprint_follows_from_the_values_alone() -> None:
    settings = parse_settings({"name": "shop"})
    assert fingerprint(settings) == fingerprint(Settings(name="shop"))
    assert len(fingerprint(settings)) == 16
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_any_other_value_gives_another_fingerprint() -> None:
    documents = [
        {},
        {"split": {"key": 7}},
        {"categories": {"prefix": "a"}},
        {"text": {"drop_single_letters": False}},
        {"text": {"replace": []}},
        {"features": {"ngrams": {"sizes": [2, 1]}}},
        {"features": {"ngrams": {"sizes": [1]}}},
        {"models": {"cnn": {"dropout": 0.25}}},
    ]
    prints = [fingerprint(parse_settings({"name": "shop", **d})) for d in documents]
    assert len(set(prints)) == len(documents)


def test_the_order_of_sections_counts_in_a_fingerprint() -> None:
    one, other = PreprocessSettings(), SplitSettings()
    assert fingerprint(one, other) != fingerprint(other, one)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        (
            {"categories": {"rename": [{"find": "a", "replac": "b"}]}},
            "categories.rename.0.replac: unknown key; known here: find, replace",
        ),
        (
            {"source": {"joins": [{"files": "a", "by": "b", "columns": ["c"], "kye": "d"}]}},
            "source.joins.0.kye: unknown key; known here: by, columns, files, key",
        ),
        (
            {"features": {"columns": {"price": {"kind": "dense", "defualt": 1.0}}}},
            "features.columns.price.defualt: unknown key; known here: column, decimal, default",
        ),
        ({"features": {"columns": {"price": {}}}}, "features.columns.price: 'kind' must be set"),
        (
            {"store": {"sinks": [{"url": "opensearch+http://host:9200/labels", "indx": "a"}]}},
            "store.sinks.0.indx: unknown key; known here: ",
        ),
    ],
)
def test_an_unknown_key_in_a_list_or_a_mapping_is_told_those_known(
    section: dict, says: str
) -> None:
    with pytest.raises(UsageError) as refused:
        parse_settings({"name": "shop", **section})
    assert says in str(refused.value)
    assert "see configs" not in str(refused.value)
