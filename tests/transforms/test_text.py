"""The one text path: equal to the notebook's rules in plain Python, on whatever Unicode holds."""

from __future__ import annotations

import random
import re
import unicodedata

import pyarrow as pa
import pytest
import tensorflow as tf

from configs.features import TextSettings, TokenSettings
from transforms.graphs import clean_and_hash, cleaning_of, unique_tokens
from transforms.text import clean_title, hash_characters, hash_ngrams, keyed_hash, tokenize
from transforms.text_keys import KEY_BITS

RULES = {"strip": TokenSettings().strip, "separate": TokenSettings().separate}
TRICKY = [
    "",
    " ",
    "a",
    "a b c",
    "a b c d e f g",
    "'a'b'c'",
    "x-y-z",
    "A | B / C",
    'Sony XBR49X900E-Series 49"-Class | A TV',
    "Bed - Sheet -Set- - x",
    " - ",
    "\xa0a\xa0word\xa0\xa0b\x85c\u2028d\u2029\u3000\x1c e \x1f",
    "word\r\n\tnext\x0b\x0cline",
    "İSTANBUL İ i̇ I ı",
    "ΟΔΟΣ Σ ΑΣ.",
    "STRASSE straße ẞ",
    "a\u0301 b e\u0301a n\u0303 c\u0327",
    "a_b _a_ a1 1a 1 a 1",
    "a本b 本 a 本a",
    "a–b—c‒d",
    "ﬁ Ǆ ß K Å",
    "x² y½ a① a",
    "a😀b 😀 c",
    "\u200ba\u200b \ufeffb",
    "\U0001d400 a \U00010400",
]
ALPHABET = (
    "aAbBzZ  -|/\"'.,_019éÉßİıΣςσ本ñ\u0301\u0327\xa0\x85\u2028\u3000\u200b\u1680½²Ⅷ\t\n\r\x1fאا😀ǅ"
)
# capitals of Unicode 14: Python 3.11 knows what is their lower case, TensorFlow's ICU does not
TOO_NEW = "\u2c2f\ua7c0\ua7d0\ua7d6\ua7d8"


def notebook(title: str) -> str:
    """Return a title cleaned as the course notebook does it, with Python's own `re` and `str`."""
    text = title.lower()
    text = re.sub(r"[|/]", " ", text)
    text = text.replace(" - ", ", ").replace("-", " ").replace('"', "")
    text = re.sub(r"\b[a-zA-Z]\b", "", text.strip())
    return re.sub(r"\s+", " ", text)


def cleaned(titles: list[str], *, normalize: bool = False) -> list[str]:
    found = cleaning_of(TextSettings(normalize=normalize))(tf.constant(titles, tf.string))
    return [text.decode() for text in found.numpy()]


def tokens_of(*texts: str) -> list[list[str]]:
    words = tokenize(tf.constant(list(texts)), **RULES).to_list()
    return [[word.decode() for word in row] for row in words]


@pytest.mark.parametrize("title", TRICKY, ids=ascii)
def test_a_tricky_title_is_cleaned_as_the_notebook_does(title: str) -> None:
    assert cleaned([title]) == [notebook(title)]


def test_random_titles_are_cleaned_as_the_notebook_does() -> None:
    chance = random.Random(1)
    titles = ["".join(chance.choices(ALPHABET, k=chance.randrange(24))) for _ in range(5000)]
    assert cleaned(titles) == [notebook(title) for title in titles]


def test_any_character_of_the_basic_plane_is_cleaned_as_the_notebook_does() -> None:
    """Each between letters, beside one and alone; an unassigned code point is no character."""
    plane = [chr(c) for c in range(1, 0x10000) if chr(c) not in TOO_NEW]
    known = [c for c in plane if unicodedata.category(c) not in ("Cn", "Cs")]
    titles = [f"a{c}b {c}A {c} x{c}{c}y" for c in known]
    pairs = zip(titles, cleaned(titles), strict=True)
    wrong = [title for title, text in pairs if text != notebook(title)]
    assert wrong == []


def test_single_letters_and_capitals_stay_where_the_settings_say_so() -> None:
    found = clean_title(
        tf.constant(["A  B-É İI"]),
        html=True,
        normalize=True,
        lower_case=False,
        replace=[("-", "+")],
        drop_single_letters=False,
    )
    assert found.numpy()[0].decode() == "A B+É İI"


def test_replacements_are_made_in_their_order() -> None:
    rules = {"html": True, "normalize": True, "lower_case": True, "drop_single_letters": False}
    found = clean_title(tf.constant(["xx"]), replace=[("x", "y"), ("yy", "done")], **rules)
    assert found.numpy().tolist() == [b"done"]


def test_capitals_and_accents_apart_give_the_same_title() -> None:
    """As a Turkish, a Japanese and a Vietnamese shop write one product in several ways."""
    ways = [
        ["KIRMIZI İPEK", "kırmızı ipek", "Kirmizi İpek", "KIRMIZI İPEK"],
        ["ｶﾞﾗｽ ＴＶ　ｽﾀﾝﾄﾞ", "ガラス tv スタンド", "ガラス TV スタンド"],
        ["Bàn Ủi", "bàn ủi", "BÀN ỦI"],
        ["Café FILTER", "café ﬁlter", "𝐂𝐚𝐟𝐞́ 𝙁𝙞𝙡𝙩𝙚𝙧"],
    ]
    for titles in ways:
        texts = set(cleaned(titles, normalize=True))
        assert len(texts) == 1
        assert not any(unicodedata.combining(c) for c in texts.pop())


@pytest.mark.parametrize("normalize", [False, True])
def test_plain_titles_are_the_same_with_and_without_forms(normalize: bool) -> None:
    titles = ['Sony 49" TV', "é ™ ㎡ ½ m²", "서울 시계", "ไทย น้ำ", "हिन्दी", "שָׁלוֹם"]
    assert cleaned(titles, normalize=normalize) == [notebook(title) for title in titles]


def test_cleaning_a_clean_title_again_changes_nothing_of_its_words() -> None:
    for normalize in (False, True):
        once = cleaned(TRICKY, normalize=normalize)
        again = cleaned(once, normalize=normalize)
        assert [text.split() for text in again] == [text.split() for text in once]


def test_punctuation_parts_words_but_an_apostrophe_does_not() -> None:
    assert tokens_of('sony 49" class, tv', "men's t.v. (new)", " x ") == [
        ["sony", "49", "class", "tv"],
        ["mens", "t", "v", "new"],
        ["x"],
    ]


def test_what_is_not_seen_parts_no_word_but_a_place_to_break_does() -> None:
    assert tokens_of("staub\u00adsauger", "\ufeffwell\u2060being", "\u200fשעון", "ไ\u200bท") == [
        ["staubsauger"],
        ["wellbeing"],
        ["שעון"],
        ["ไ", "ท"],
    ]
    assert tokens_of("می\u200cشود") == tokens_of("میشود")


def test_scripts_without_spaces_are_cut_into_characters() -> None:
    assert tokens_of("red 毛布ab", "ไทย", "서울 시계", "ひらカナ") == [
        ["red", "毛", "布", "ab"],
        ["ไ", "ท", "ย"],
        ["서울", "시계"],
        ["ひ", "ら", "カ", "ナ"],
    ]


def test_a_text_without_a_word_has_no_token() -> None:
    assert tokens_of("", " ", "!!!") == [[], [], []]


def test_the_tokens_of_all_texts_are_counted() -> None:
    found = unique_tokens(pa.array(["a b a", "b c", "!"]), **RULES)
    assert dict(zip(*(c.to_pylist() for c in found.columns), strict=True)) == {
        b"a": 2,
        b"b": 2,
        b"c": 1,
    }


def plain_ngrams(words: list[str], sizes: list[int], buckets: int) -> list[int]:
    """Recompute the n-grams with Python's whole numbers; only a word's own hash is TensorFlow's."""
    hashed = (
        tf.strings.to_hash_bucket_fast(tf.constant(words, tf.string), (1 << 63) - 1)
        .numpy()
        .tolist()
    )
    found = []
    for size in sorted(set(sizes)):
        for begin in range(len(hashed) - size + 1):
            value = 0
            for number in hashed[begin : begin + size]:
                value = (value * 0x5851F42D4C957F2D + number) % (1 << 64)
            signed = value - (1 << 64) if value >> 63 else value
            found.append(signed % buckets)
    return found


@pytest.mark.parametrize("sizes", [[1], [2], [1, 2], [2, 1], [1, 3], [1, 2, 3, 4, 5]])
@pytest.mark.parametrize("buckets", [2, 1000, 2_000_000, 1 << 31])
def test_ngrams_are_those_that_plain_python_computes(sizes: list[int], buckets: int) -> None:
    rows = ["steel wrist watch for men", "watch", "", "a a a a", "毛 布"]
    words = tokenize(tf.constant(rows), **RULES)
    found = hash_ngrams(words, sizes=sizes, buckets=buckets).to_list()
    assert found == [plain_ngrams(row.split(), sizes, buckets) for row in rows]
    assert all(0 <= bucket < buckets for row in found for bucket in row)


def plain_characters(words: list[str], sizes: list[int], buckets: int) -> list[int]:
    """Recompute the n-grams of characters with Python's whole numbers."""
    found = []
    for points in ([ord(character) + 1 for character in f"<{word}>"] for word in words):
        for size in sorted(set(sizes)):
            for begin in range(len(points) - size + 1):
                value = 0
                for point in points[begin : begin + size]:
                    value = value * 0x5851F42D4C957F2D + point * 0x1E3779B97F4A7C15
                    value %= 1 << 64
                signed = value - (1 << 64) if value >> 63 else value
                found.append((signed ^ (signed >> 32)) % buckets)
    return found


@pytest.mark.parametrize("sizes", [[2], [3], [2, 3], [3, 4, 5], [8]])
@pytest.mark.parametrize("buckets", [2, 1000, 65_536, 1 << 26])
def test_ngrams_of_characters_are_those_that_plain_python_computes(
    sizes: list[int], buckets: int
) -> None:
    rows = ["tv", "steel watch", "", "é größe ﬁ", "毛 布", "a 12345678901234567890"]
    words = tokenize(tf.constant(rows), **RULES)
    found = hash_characters(words, sizes=sizes, buckets=buckets).to_list()
    assert found == [plain_characters(row.split(), sizes, buckets) for row in rows]
    assert all(0 <= bucket < buckets for row in found for bucket in row)


def test_words_of_one_stem_share_ngrams_of_characters() -> None:
    words = tf.ragged.constant([["watches"], ["watch"], ["lamps"]])
    one, other, third = hash_characters(words, sizes=[3, 4], buckets=1 << 26).to_list()
    assert len({*one} & {*other}) == 7  # <wa wat atc tch <wat watc atch
    assert not {*one} & {*third}


def test_ngrams_of_characters_fill_few_buckets_evenly() -> None:
    words = [f"{a}{b}{c}" for a in "abcdefghijklmnop" for b in "abcdefghijklmnop" for c in "aeiou"]
    found = hash_characters(tf.ragged.constant([words]), sizes=[5], buckets=1 << 16)
    assert len(set(found.values.numpy().tolist())) > 0.98 * len(words)


def test_the_order_of_words_tells_bigrams_apart() -> None:
    words = tf.ragged.constant([["dog", "bed"], ["bed", "dog"]])
    one, other = hash_ngrams(words, sizes=[2], buckets=1 << 31).to_list()
    assert one != other


def test_a_keyed_hash_is_the_same_on_every_machine() -> None:
    assert keyed_hash(tf.constant(["dog bed"]), 20_190_401).numpy().tolist() == [
        2_113_221_790_034_032_599
    ]


def test_another_key_gives_other_hashes() -> None:
    texts = tf.constant([f"title {number}" for number in range(100)])
    one, other = (set(keyed_hash(texts, key).numpy().tolist()) for key in (1, 2))
    assert len(one) == len(other) == 100
    assert not one & other
    assert all(0 <= value < 1 << KEY_BITS for value in one | other)


def test_the_hash_is_that_of_the_cleaned_text() -> None:
    titles = pa.array(["Dog - Bed", "dog,  BED", "cat bed"])
    texts, keys = clean_and_hash(titles, TextSettings(), 5)
    assert texts.to_pylist() == [b"dog, bed", b"dog, bed", b"cat bed"]
    assert keys[0] == keys[1] != keys[2]
    assert keys.to_pylist() == keyed_hash(tf.constant(texts.to_pylist()), 5).numpy().tolist()
