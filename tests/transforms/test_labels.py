"""Categories from columns: paths whatever stands in a name, several a record, each once."""

from __future__ import annotations

import pyarrow as pa
import pytest

from transforms.labels import BETWEEN_LABELS, LabelColumn, record_labels, split_labels
from transforms.title_counts import count_titles
from transforms.titles import CLEANED, distinct_titles


def labels(*columns: list, **rules: object) -> list[list[str]]:
    """Return the categories of each record whose columns hold texts or lists."""
    found, why = record_labels(
        [label_column(f"c{n}", column) for n, column in enumerate(columns)],
        **{"separator": ">", **rules},
    )
    assert why == {}
    return [text.split(BETWEEN_LABELS) if text else [] for text in found.to_pylist()]


def label_column(name: str, values: list) -> LabelColumn:
    lists = [value if isinstance(value, list) else None for value in values]
    texts = ["not read" if isinstance(value, list) else value for value in values]
    some = None if lists == [None] * len(lists) else pa.array(lists)
    return LabelColumn(name, pa.array(texts, pa.string()), some)


def test_columns_are_parts_of_a_path_and_empty_parts_are_left_out() -> None:
    assert labels(["baby", " pets ", "", "a>>b"], ["toys", "", None, " c > "]) == [
        ["baby>toys"],
        ["pets"],
        [],
        ["a>b>c"],
    ]


def test_a_column_of_labels_is_a_set_in_order() -> None:
    column = ["b,a, b ,", "", "c", ",,", None]
    assert labels(column, label_separator=",") == [["b", "a"], [], ["c"], [], []]


def test_a_label_separator_behind_a_backslash_is_text() -> None:
    column = [r"Tops\, Tees > A, Sale", "a,b", r"\\x,y", None, ["c,d"], r"e\,f"]
    assert labels(column, label_separator=",") == [
        ["Tops, Tees>A", "Sale"],
        ["a", "b"],
        [r"\\x", "y"],
        [],
        ["c,d"],
        ["e,f"],
    ]


def test_lists_of_labels_are_taken_as_they_are() -> None:
    column = [["b,c", "a", None, "b,c"], [], None, ["x > y"]]
    assert labels(column) == [["b,c", "a"], [], [], ["x>y"]]


@pytest.mark.parametrize(
    ("name", "separator"),
    [
        ("Home / Garden & Co.", "_"),
        ("Größe/靴", ">"),
        ("en:plant-based_foods", " > "),
        ('"quoted" | piped', ">"),
        ("5", "_"),
    ],
)
def test_odd_names_stay_as_they_are(name: str, separator: str) -> None:
    assert labels([name], separator=separator) == [[name]]


@pytest.mark.parametrize(
    "written", ["Home  &\u00a0Caf\u00e9", "Home\n& Cafe\u0301 ", "Home & Caf\u00e9"]
)
def test_spellings_that_look_alike_are_one_category(written: str) -> None:
    assert labels([written], separator=">") == [["Home & Caf\u00e9"]]


def test_rules_are_applied_in_their_order() -> None:
    rules = {
        "separator": "|",
        "rename": [("Livres", "Books")],
        "replace": [(r"([^|])\[\d+\]", r"\1")],
        "prefix": "shop|",
    }
    column = ["shop|Livres[1]|U.S.[22]", "[172282]|Categories[3]", "shop|"]
    assert labels(column, **rules) == [["Books|U.S."], ["[172282]|Categories"], []]


def test_the_separator_of_labels_cannot_come_from_a_name() -> None:
    assert labels([f"a{BETWEEN_LABELS}b"]) == [["a b"]]


def test_no_rows_give_no_labels() -> None:
    assert labels([]) == []
    assert split_labels(pa.array([], pa.string())) is None


def test_a_title_stands_in_all_categories_of_all_its_records_each_once() -> None:
    def several(*names: str) -> str:
        return BETWEEN_LABELS.join(names)

    rows = [
        (7, 0, 3, several("c", "a"), b"bed"),
        (7, 1, 2, several("b", "c"), b"bed"),
        (5, 0, 2, "b", b"bib"),
    ]
    arrays = [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), CLEANED, strict=True)]
    found = distinct_titles([pa.RecordBatch.from_arrays(arrays, schema=CLEANED)])
    assert found.to_pylist() == [
        {"key": 5, "text": b"bib", "categories": ["b"]},
        {"key": 7, "text": b"bed", "categories": ["c", "a", "b"]},
    ]


def test_a_record_counts_once_and_once_in_each_of_its_categories() -> None:
    rows = [(7, 0, 3, f"b{BETWEEN_LABELS}a", b"bed"), (7, 0, 4, "b", b"bed")]
    arrays = [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), CLEANED, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=CLEANED)
    counts = count_titles([batch], distinct_titles([batch]))
    assert (counts[("records",)], counts[("titles",)], counts[("further_labels",)]) == (2, 1, 1)
    assert (counts[("category_records", "a")], counts[("category_records", "b")]) == (1, 2)
    assert (counts[("category_titles", "a")], counts[("category_titles", "b")]) == (1, 1)


def test_the_values_of_the_first_record_stay_with_its_title() -> None:
    rows = [(7, 1, 2, "a", b"bed"), (7, 0, 9, "b", b"bed"), (5, 0, 3, "a", b"bib")]
    arrays = [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), CLEANED, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=CLEANED)
    batch = batch.append_column("maker", pa.array(["late", "first", ""]))
    found = distinct_titles([batch])
    assert found.column("maker").to_pylist() == ["", "first"]
    assert found.column("text").to_pylist() == [b"bib", b"bed"]
