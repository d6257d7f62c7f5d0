"""Settings: frozen, typed, and refused where they cannot work."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from configs.categories import CategorySettings, Replacement
from configs.dump import DumpSettings
from configs.features import NgramSettings, TextSettings, TokenSettings
from configs.models import BagOfNgramsSettings, CnnSettings, ModelSettings
from configs.preprocess import PreprocessSettings, SplitSettings
from configs.settings import Settings, SourceSettings, StoreSettings


def test_settings_are_frozen() -> None:
    settings = Settings(name="shop")
    with pytest.raises(ValidationError, match="frozen"):
        settings.name = "other"


def test_two_settings_share_no_default_list() -> None:
    assert TextSettings().replace == TextSettings().replace
    assert TextSettings().replace is not TextSettings().replace


def test_shares_of_floats_may_miss_one_by_rounding_only() -> None:
    assert SplitSettings(train=0.7, valid=0.2, test=0.1).test == 0.1
    with pytest.raises(ValidationError, match="must add to 1"):
        SplitSettings(train=0.7, valid=0.2, test=0.1001)


@pytest.mark.parametrize("settings", [SourceSettings, DumpSettings])
@pytest.mark.parametrize("name", ["klingon", "base64", "", "rot13"])
def test_an_encoding_must_be_known_and_of_text(settings: type, name: str) -> None:
    with pytest.raises(ValidationError, match="no such encoding"):
        settings(encoding=name)


def test_an_encoding_is_kept_under_one_name() -> None:
    assert SourceSettings(encoding="UTF8").encoding == "utf-8"
    assert DumpSettings(encoding="latin1").encoding == "iso8859-1"


def test_columns_are_named_with_source_columns_and_only_there() -> None:
    assert CategorySettings(source="columns", columns=["aisle"]).columns == ["aisle"]
    with pytest.raises(ValidationError, match="only there"):
        CategorySettings(source="columns")
    with pytest.raises(ValidationError, match="only there"):
        CategorySettings(columns=["aisle"])


@pytest.mark.parametrize("pattern", ["[", "(?=x)", r"(a)\1", "*"])
def test_a_cleaning_rule_must_be_a_pattern_of_re2(pattern: str) -> None:
    with pytest.raises(ValidationError, match="not an RE2 pattern"):
        TextSettings(replace=[Replacement(find=pattern)])
    with pytest.raises(ValidationError, match="not an RE2 pattern"):
        TokenSettings(strip=pattern)


def test_a_replacement_may_refer_only_to_what_its_pattern_holds() -> None:
    assert TextSettings(replace=[Replacement(find="(a)", replace=r"\1")]).replace
    with pytest.raises(ValidationError, match="not an RE2 pattern"):
        TextSettings(replace=[Replacement(find="a", replace=r"\1")])


@pytest.mark.parametrize("pattern", [r"\p{Han}", r"[\x{85}\x{a0}]", r"\pL+", ""])
def test_patterns_that_only_re2_knows_are_taken(pattern: str) -> None:
    assert TokenSettings(strip=pattern).strip == pattern


def test_ngrams_need_a_size() -> None:
    with pytest.raises(ValidationError, match="sizes"):
        NgramSettings(sizes=[])


def test_a_vocabulary_has_room_for_a_token_beside_the_reserved_ids() -> None:
    with pytest.raises(ValidationError, match="vocabulary_size"):
        TokenSettings(vocabulary_size=2)


def test_a_level_must_be_one_that_the_categories_have() -> None:
    with pytest.raises(ValidationError, match=r"objectives\.exclusive\.level is 'sub'"):
        Settings(name="shop", objectives={"exclusive": {"level": "sub"}})
    with pytest.raises(ValidationError, match=r"training\.level is 'subsub'"):
        Settings(name="shop", training={"level": "subsub"})
    assert Settings(name="shop", training={"level": "full"}).training.level == "full"


def test_what_is_learned_is_the_level_of_the_examples_unless_another_is_named() -> None:
    full = {"exclusive": {"level": "full"}}
    for training, level in (({}, "full"), ({"model": "cnn"}, "full"), ({"level": "main"}, "main")):
        settings = Settings(name="shop", objectives=full, training=training)
        assert settings.training.level == level
    assert Settings(name="shop", objectives=full).training.level == "full"
    assert Settings(name="shop").training.level == "main"


def test_a_table_is_named_by_a_plain_word() -> None:
    with pytest.raises(ValidationError, match="labels_table"):
        StoreSettings(labels_table="labels; DROP TABLE x")


def test_shards_double_with_the_input_unless_their_number_is_set() -> None:
    of = PreprocessSettings().shards_of
    assert [of(0), of(1), of(320 << 20), of((320 << 20) + 1), of(2_640_000_000)] == [
        32,
        32,
        32,
        64,
        256,
    ]
    assert of(1 << 60) == 100_000
    assert PreprocessSettings(num_shards=7).shards_of(1 << 40) == 7


def test_shards_of_predictions_double_with_the_dump_unless_their_number_is_set() -> None:
    of = DumpSettings().shards_of
    assert [of(0), of(320 << 20), of((320 << 20) + 1), of(3 << 30)] == [8, 8, 16, 128]
    assert DumpSettings(num_shards=3).shards_of(1 << 40) == 3


def test_shards_of_a_quick_run_are_those_of_the_rows_taken() -> None:
    assert PreprocessSettings(rows=1_000).shards_of(1 << 40) == 32
    assert PreprocessSettings(rows=1 << 40).shards_of(2_640_000_000) == 256


def test_a_batch_grows_with_the_shards_it_is_cut_into_unless_its_rows_are_set() -> None:
    of = PreprocessSettings().batch_rows_of
    assert [of(2), of(32), of(64), of(256)] == [32_768, 32_768, 65_536, 131_072]
    assert PreprocessSettings(batch_rows=100).batch_rows_of(256) == 100


@pytest.mark.parametrize(
    ("titles", "of_class", "epochs"),
    [
        (1, 1, 16),
        (187, 90, 16),
        (188, 90, 16),
        (1000, 59, 3),
        (1000, 20, 5),
        (2999, 100, 2),
        (3000, 100, 1),
        (3400, 21, 5),
        (5000, 37.3, 3),
        (8000, 15.3, 7),
        (52_300, 100, 1),
        (52_300, 99.5, 2),
        (4000, 2, 16),
        (400_000, 2, 5),
        (1_000_001, 2, 1),
        (10**9, 500_000, 1),
    ],
)
def test_few_titles_for_their_classes_are_seen_more_than_once(
    titles: int, of_class: float, epochs: int
) -> None:
    assert ModelSettings().bag_of_ngrams.epochs_of(titles, of_class) == epochs
    assert CnnSettings(epochs=None).epochs_of(titles, of_class) == epochs


@pytest.mark.parametrize(
    ("classes", "rows", "width"),
    [
        (2, 1000, 32),
        (96, 1000, 32),
        (97, 1000, 64),
        (192, 1000, 64),
        (193, 1000, 128),
        (2000, 1000, 128),
        (523, 1 << 20, 128),
        (523, 1 << 21, 64),
        (523, 4_000_000, 32),
    ],
)
def test_many_classes_get_a_wider_table_while_it_is_small(
    classes: int, rows: int, width: int
) -> None:
    assert BagOfNgramsSettings().width_of(classes, rows) == width
    assert BagOfNgramsSettings(embedding_width=5).width_of(classes, rows) == 5


def test_what_is_shown_several_times_has_no_hidden_layer() -> None:
    flagship = BagOfNgramsSettings()
    assert [flagship.hidden_of(passes) for passes in (1, 2, 16)] == [64, 0, 0]
    assert [BagOfNgramsSettings(hidden_units=n).hidden_of(2) for n in (0, 5)] == [0, 5]


@pytest.mark.parametrize("titles", [1, 1000, 10**9])
def test_epochs_that_are_set_stay(titles: int) -> None:
    assert BagOfNgramsSettings(epochs=1).epochs_of(titles, 2000) == 1
    assert CnnSettings().epochs_of(titles, 2000) == 5
