"""Forms of a character, against Python's own normalisation of Unicode."""

from __future__ import annotations

import unicodedata

import pytest
import tensorflow as tf
from unicode_forms import one_form_of

from transforms.characters import one_form

ASSIGNED = [chr(c) for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]


def formed(texts: list[str]) -> list[str]:
    return [text.decode() for text in one_form(tf.constant(texts, tf.string)).numpy()]


def test_any_character_is_written_in_one_form() -> None:
    wrong = [(c, f) for c, f in zip(ASSIGNED, formed(ASSIGNED), strict=True) if f != one_form_of(c)]
    assert wrong == []


def test_any_character_taken_apart_is_put_together_again() -> None:
    apart = [unicodedata.normalize("NFD", c) for c in ASSIGNED]
    changed = [text for text, c in zip(apart, ASSIGNED, strict=True) if text != c]
    assert len(changed) > 12_000  # Korean syllables most of them
    wrong = [
        t for t, found in zip(changed, formed(changed), strict=True) if found != one_form_of(t)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("ＴＶ　５０㌅", "TV 50㌅"),
        ("ｶﾞｲﾄﾞ ﾊﾟｿｺﾝ", "ガイド パソコン"),
        ("Tie\u0302\u0301ng Vie\u0323\u0302t", "Tiếng Việt"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8 \u1100\u1161", "한국 가"),
        ("\u0301 e", "\u0301 e"),
        ("e\u0301", "é"),
        ("é", "é"),
        ("ﷺ", "صلى الله عليه وسلم"),
        ("Sony™ ㎡ ½ m² №5 Ⅷ ①", "Sony™ ㎡ ½ m² №5 Ⅷ ①"),
        ("plain", "plain"),
        ("", ""),
    ],
    ids=ascii,
)
def test_a_title_is_written_in_one_form(text: str, form: str) -> None:
    assert formed([text]) == [form]
    assert formed(["e\u0301", text, "x"]) == ["é", form, "x"], "rows keep apart"


def test_no_titles_stay_none() -> None:
    assert formed([]) == []


def test_a_mark_at_the_beginning_of_a_title_is_not_of_the_one_before() -> None:
    assert formed(["cafe", "\u0301clair"]) == ["cafe", "\u0301clair"]


def test_the_graph_has_the_same_names_each_time() -> None:
    """tf.Transform compares graphs by what is in them; one that varies stops the analysis."""
    graphs = []
    for _ in range(2):
        with tf.Graph().as_default() as graph:
            one_form(tf.compat.v1.placeholder(tf.string, [None]))
        graphs.append(graph.as_graph_def().SerializeToString(deterministic=True))
    assert graphs[0] == graphs[1]
