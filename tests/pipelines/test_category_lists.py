"""Lists of categories, several or the parts of one: each record is judged by itself."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.settings import Settings
from pipelines.category_files import find_category_files, read_category_file
from pipelines.labelled_records import NO_CATEGORY
from tests.pipelines.reading import read

SEVERAL = "its l2 holds 2 values, where several columns make one path"
UNREADABLE = "its cat holds what is neither a text nor a list of texts"
FORMATS = ["jsonl", "json", "xml", "parquet"]


def by(*columns: str, **rules: Any) -> dict[str, Any]:
    return {"source": "columns", "columns": list(columns), "separator": ">", **rules}


def write(folder: Path, form: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write rows as a file of a format; return how it is read."""
    path = folder / f"shop.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "json":
        path.write_text(json.dumps({"products": rows}))
    elif form == "xml":
        items = "".join(f"<item>{''.join(map(_as_xml, row.items()))}</item>" for row in rows)
        path.write_text(f"<shop>{items}</shop>")
    else:
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return {"format": form, **({"items": "item"} if form == "xml" else {})}


def _as_xml(child: tuple[str, Any]) -> str:
    name, value = child
    values = value if isinstance(value, list) else [value]
    return "".join(f"<{name}>{escape(str(each))}</{name}>" for each in values if each is not None)


def read_rows(
    folder: Path, form: str, rows: Sequence[dict[str, Any]], categories: dict[str, Any]
) -> tuple[dict[int, list[str]], dict[int, str]]:
    """Return the categories of each record that has some, and why the others are rejects."""
    source = write(folder, form, [{"title": "Bed", **row} for row in rows])
    found, rejects = read(folder, source, categories)
    return {line: labels for line, labels, _ in found}, {bad.line: bad.reason for bad in rejects}


@pytest.mark.parametrize("form", FORMATS)
def test_one_of_several_columns_may_hold_lists_of_one(tmp_path: Path, form: str) -> None:
    lists: list[Any] = [["Lamps"], ["Lamps", "Desks"], ["Lamps > Desks"], []]
    texts = [] if form == "parquet" else ["Lamps", None]
    rows = [{"dept": "Home", "l2": value} for value in [*lists, *texts]]
    found, why = read_rows(tmp_path, form, rows, by("dept", "l2"))
    expected = {1: ["Home>Lamps"], 3: ["Home>Lamps>Desks"], 4: ["Home"]}
    assert found == expected | ({5: ["Home>Lamps"], 6: ["Home"]} if texts else {})
    assert why == {2: SEVERAL}


@pytest.mark.parametrize("form", FORMATS)
def test_where_the_first_column_is_a_list_the_others_count(tmp_path: Path, form: str) -> None:
    rows = [{"l2": ["Home"], "part": "Lamps"}, {"l2": ["Home", "Garden"], "part": "Lamps"}]
    assert read_rows(tmp_path, form, rows, by("l2", "part")) == ({1: ["Home>Lamps"]}, {2: SEVERAL})


def test_rejects_of_lists_keep_their_bytes(tmp_path: Path) -> None:
    row = b'{"title": "Bed", "dept": "Home", "l2": ["a", "b"]}\n'
    (tmp_path / "shop.jsonl").write_bytes(row)
    rows, rejects = read(tmp_path, {"format": "jsonl"}, by("dept", "l2"))
    assert (rows, [(bad.reason, bad.raw) for bad in rejects]) == ([], [(SEVERAL, row)])


@pytest.mark.parametrize("form", ["jsonl", "json", "xml"])
def test_text_is_split_whether_or_not_another_record_holds_a_list(
    tmp_path: Path, form: str
) -> None:
    text, listed = {"cat": "Home, Lamps"}, {"cat": ["Arts, Crafts", "Home"]}
    rules = by("cat", label_separator=",")
    assert read_rows(tmp_path, form, [text], rules) == ({1: ["Home", "Lamps"]}, {})
    assert read_rows(tmp_path, form, [text, listed], rules) == (
        {1: ["Home", "Lamps"], 2: ["Arts, Crafts", "Home"]},
        {},
    )


PATH = {"separator": ">", "lists": "path"}


@pytest.mark.parametrize("form", FORMATS)
def test_a_list_may_be_a_path_from_the_top_down(tmp_path: Path, form: str) -> None:
    lists: list[Any] = [["Home", "Lamps"], ["Home", "", " Desk lamps "], ["Home"], []]
    rows = [{"cat": value} for value in lists]
    found, why = read_rows(tmp_path, form, rows, by("cat", **PATH))
    assert found == {1: ["Home>Lamps"], 2: ["Home>Desk lamps"], 3: ["Home"]}
    assert why == {4: NO_CATEGORY}


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet"])
def test_a_list_of_lists_is_several_paths(tmp_path: Path, form: str) -> None:
    lists: list[Any] = [[["A", "B"], ["C"], ["A", "B"]], [["A", None]], [None, []], None]
    found, why = read_rows(tmp_path, form, [{"cat": of} for of in lists], by("cat", **PATH))
    assert found == {1: ["A>B", "C"], 2: ["A"]}
    assert why == {3: NO_CATEGORY, 4: NO_CATEGORY}


def test_texts_and_lists_of_either_depth_may_stand_in_one_file(tmp_path: Path) -> None:
    lists = ["A > B", ["A", "B"], [["A", "B"], ["C"]], 7, [7.0, 8]]
    found, why = read_rows(tmp_path, "jsonl", [{"cat": of} for of in lists], by("cat", **PATH))
    assert found == {1: ["A>B"], 2: ["A>B"], 3: ["A>B", "C"], 4: ["7"], 5: ["7>8"]}
    assert why == {}


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet"])
def test_a_path_may_be_a_list_of_objects(tmp_path: Path, form: str) -> None:
    names = [["Home", "Lamps"], ["Toys"]]
    of_names = [[{"name": name, "id": 1} for name in path] for path in names]
    rows = [{"cat": path} for path in of_names]
    rules = by("cat.name", **PATH)
    assert read_rows(tmp_path, form, rows, rules) == ({1: ["Home>Lamps"], 2: ["Toys"]}, {})
    nested = [{"cat": of_names}]
    assert read_rows(tmp_path, form, nested, rules) == ({1: ["Home>Lamps", "Toys"]}, {})


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("separator", "path"),
    [(">", ["Home", "Arts > Crafts"]), (">", ["A>"]), (" > ", ["a >", "b"]), ("::", ["a:", "b"])],
)
def test_a_part_that_holds_the_separator_makes_no_wrong_path(
    tmp_path: Path, form: str, separator: str, path: list[str]
) -> None:
    rules = by("cat", lists="path", separator=separator)
    reason = f"a part of its cat holds the separator {separator!r}"
    found = read_rows(tmp_path, form, [{"cat": path}, {"cat": ["Home", "Lamps"]}], rules)
    assert found == ({2: [f"Home{separator}Lamps"]}, {1: reason})


def test_rules_for_names_are_applied_to_the_whole_path(tmp_path: Path) -> None:
    rules = by("cat", **PATH, prefix="shop>", rename=[{"find": "a>b", "replace": "c"}])
    found, _ = read_rows(tmp_path, "jsonl", [{"cat": ["shop", "a", "b", "d"]}], rules)
    assert found == {1: ["c>d"]}


@pytest.mark.parametrize("value", [["A", {"name": "B"}], ["A", ["B"]], [["A", ["B"]]], ["A", True]])
def test_a_path_of_what_is_no_text_is_a_reject(tmp_path: Path, value: list[Any]) -> None:
    rows = [{"cat": value}, {"cat": ["A"]}]
    assert read_rows(tmp_path, "jsonl", rows, by("cat", **PATH)) == ({2: ["A"]}, {1: UNREADABLE})


@pytest.mark.parametrize("form", FORMATS)
def test_a_path_may_stand_beside_a_column_but_not_several(tmp_path: Path, form: str) -> None:
    rows: list[dict[str, Any]] = [{"dept": "Home", "l2": ["Lamps", "Desk"]}]
    rules = by("dept", "l2", **PATH)
    assert read_rows(tmp_path, form, rows, rules) == ({1: ["Home>Lamps>Desk"]}, {})
    if form != "xml":
        rows = [{"dept": "Home", "l2": [["a", "b"], ["c"]]}]
        assert read_rows(tmp_path, form, rows, rules) == ({}, {1: SEVERAL})


def test_without_the_setting_lists_in_lists_say_no_category(tmp_path: Path) -> None:
    rows = [{"cat": [["A", "B"], "C"]}, {"cat": [["A"]]}]
    assert read_rows(tmp_path, "jsonl", rows, by("cat")) == ({1: ["C"]}, {2: NO_CATEGORY})
    (tmp_path / "shop.jsonl").unlink()
    _, why = read_rows(tmp_path, "parquet", [{"cat": [["A"]]}], by("cat"))
    assert why.keys() == {0}
    for words in ("the column cat holds list<", "lists of them", "set categories.lists: path"):
        assert words in why[0]


def test_more_lists_in_lists_than_a_path_has_are_refused(tmp_path: Path) -> None:
    _, why = read_rows(tmp_path, "parquet", [{"cat": [[["A"]]]}], by("cat", **PATH))
    assert "or lists of these" in why[0]


def test_the_lines_of_a_repeated_field_may_be_a_path(tmp_path: Path) -> None:
    (tmp_path / "shop.txt").write_text(
        "#\nt: Bed\nd: Home\nc: Lamps\nc: Desk\n#\nt: Bib\nd: Baby\n"
    )
    fields = {
        "title": {"pattern": "^t: (.*)$"},
        "dept": {"pattern": "^d: (.*)$"},
        "cat": {"pattern": "^c: (.*)$", "repeated": True},
    }
    source = {"format": "records", "records": {"begin": "^#", "fields": fields}}
    rows, rejects = read(tmp_path, source, by("dept", "cat", **PATH))
    assert rows == [(1, ["Home>Lamps>Desk"], "Bed"), (6, ["Baby"], "Bib")]
    assert rejects == []


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_list_of_categories_may_be_a_key_a_title_and_a_feature_too(
    tmp_path: Path, form: str
) -> None:
    source = write(tmp_path, form, [{"title": "Bed", "cat": ["x"]}, {"title": "", "cat": ["y"]}])
    (tmp_path / "rooms.csv").write_text("cat,room\nx,Hall\ny,Den\n")
    settings = Settings(
        name="shop",
        source={
            "files": f"*.{form}",
            **source,
            "columns": {"title_join": ["title", "cat"]},
            "joins": [{"files": "rooms.csv", "by": "cat", "columns": ["room"]}],
        },
        categories=by("room", "cat"),
        features={"columns": {"kind": {"kind": "categorical", "column": "cat"}}},
    )
    (file,), _, _ = find_category_files(str(tmp_path), settings)
    rules, features = settings.categories, settings.features.columns
    ((batch, rejects),) = read_category_file(file, settings.source, rules, features)
    assert rejects == []
    rows = [(row["category"], row["title"], row["kind"]) for row in batch.to_pylist()]
    assert rows == [("Hall>x", "Bed x", "x"), ("Den>y", "y", "y")]


PARTS = ["A", " B ", "", "A>B", "C,D", None]


def some_value(chance: random.Random) -> Any:
    texts = chance.choices(PARTS, k=chance.randrange(4))
    nested = [chance.choices(PARTS, k=chance.randrange(3)) for _ in range(chance.randrange(1, 3))]
    return chance.choice([chance.choice(PARTS), texts, texts, nested])


def plain_labels(value: Any, meaning: str) -> list[str]:
    """Return the categories that a value says, as the documentation has it; "!" is a reject."""

    def path(parts: list[str]) -> str:
        return ">".join(part.strip() for part in parts if part.strip())

    def whole(parts: list[Any]) -> str:
        return "!" if any(">" in (part or "") for part in parts) else path([p or "" for p in parts])

    if not isinstance(value, list):
        texts = (value or "").split(",") if meaning == "," else [value or ""]
        found = [path(text.split(">")) for text in texts]
    elif meaning != "path":
        found = [path(each.split(">")) for each in value if isinstance(each, str)]
    else:
        nested = any(isinstance(each, list) for each in value)
        found = [whole(each) for each in value] if nested else [whole(value)]
    return list(dict.fromkeys(label for label in found if label))


@pytest.mark.parametrize("meaning", ["labels", "path", ","])
def test_records_of_any_kind_are_read_as_plain_python_reads_each(
    tmp_path: Path, meaning: str
) -> None:
    chance = random.Random(5)
    values = [some_value(chance) for _ in range(2000)]
    rules = {"label_separator": ","} if meaning == "," else {"lists": meaning}
    found, why = read_rows(tmp_path, "jsonl", [{"cat": v} for v in values], by("cat", **rules))
    expected = {n: plain_labels(value, meaning) for n, value in enumerate(values, 1)}
    good = {n: labels for n, labels in expected.items() if labels and "!" not in labels}
    assert found == good
    assert {n for n, reason in why.items() if reason != NO_CATEGORY} == {
        n for n, labels in expected.items() if "!" in labels
    }
