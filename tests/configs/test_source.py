"""Settings of the readers: what cannot be read is said before a file is opened, in one line."""

from __future__ import annotations

from typing import Any

import pytest

from configs.errors import UsageError
from configs.loading import parse_settings
from configs.settings import Settings

TITLE = {"title": {"pattern": "^t: (.*)$"}}
TAG = {"tag": {"pattern": "^g: (.*)$", "repeated": True}}
TREE = {"files": "t.csv"}
RECORDS = {"format": "records", "records": {"begin": "^#", "fields": {**TITLE, **TAG}}}


def parse(source: dict[str, Any], categories: dict[str, Any] | None = None) -> Settings:
    return parse_settings({"name": "shop", "source": source, "categories": categories or {}})


def by(*columns: str, **rules: Any) -> dict[str, Any]:
    return {"source": "columns", "columns": list(columns), **rules}


def test_titles_and_categories_may_come_from_headers_fields_and_joins() -> None:
    join = {"files": "a.csv", "by": "id", "columns": ["aisle", "name"]}
    named = {"header": ["id", "x"], "joins": [join], "columns": {"title": ["title", "name"]}}
    assert list(parse(named, by("aisle", "x")).source.joined) == ["aisle", "name"]
    assert parse(RECORDS, by("tag")).source.repeated_fields == ["tag"]
    assert parse(RECORDS, by("title", "tag", lists="path")).categories.lists == "path"
    assert parse({"format": "jsonl"}, by("a", "b")).categories.lists == "labels"


@pytest.mark.parametrize(
    ("source", "categories", "words"),
    [
        ({"format": "records"}, {}, ["records must be given"]),
        ({"records": RECORDS["records"]}, {}, ["records must be given", "format: table"]),
        ({"format": "jsonl", "skip_lines": 1}, {}, ["skip_lines", "jsonl"]),
        ({"header": ["a", "b"]}, {}, ["columns.title is 'title'", "['a', 'b']"]),
        ({"header": ["title"]}, by("score"), ["categories.columns is 'score'", "['title']"]),
        (RECORDS, by("score"), ["categories.columns is 'score'"]),
        (RECORDS, by("tag", "title"), ["repeated field 'tag'"]),
        (RECORDS, by("tag", label_separator=","), ["repeated field 'tag'", "label_separator"]),
        ({**RECORDS, "columns": {"title": ["tag"]}}, {}, ["'tag' must not be repeated"]),
        ({"columns": {"title_join": ["a", "b"]}, "header": ["a"]}, {}, ["columns.title is 'b'"]),
        ({}, by("a", "b", label_separator=","), ["label_separator", "one column", "['a', 'b']"]),
        ({}, {"lists": "path"}, ["lists: path", "source: columns", "source: file_name"]),
        ({}, by("a", lists="paths"), ["categories.lists", "'labels' or 'path'"]),
        (
            {"format": "jsonl"},
            by("a", lists="path", label_separator=","),
            ["lists: path", "label_separator: ','", "leave one of them out"],
        ),
        ({}, by("a", lists="path"), ["categories.lists: path", "source.format: table", "['a']"]),
        (RECORDS, by("title", lists="path"), ["categories.lists: path", "source.format: records"]),
        (
            {"format": "jsonl", "joins": [{"files": "a.csv", "by": "x", "columns": ["c"]}]},
            by("c", lists="path"),
            ["categories.lists: path", "['c'] are texts"],
        ),
        ({}, {"tree": TREE}, ["tree is for source: columns", "source: file_name"]),
        ({}, by("a", "b", tree=TREE), ["one column, that of the ids", "columns: ['a', 'b']"]),
        (
            {"format": "jsonl"},
            by("a", lists="path", tree=TREE),
            ["lists: path", "the id of one", "leave lists out"],
        ),
        ({}, by("a", tree={}), ["categories.tree.files", "it must be set"]),
        ({}, by("a", tree="t.csv"), ["categories.tree", "'t.csv'"]),
        ({}, by("a", tree={**TREE, "id": ""}), ["categories.tree.id"]),
        ({}, by("a", tree={**TREE, "key": "a"}), ["tree.key: unknown key", "files, id, name"]),
        ({}, by("a", tree={**TREE, "parent": "id"}), ["another column", "parent: id, id: id"]),
        ({}, by("a", tree={**TREE, "parent": "name"}), ["another column", "name: name"]),
        ({}, by("a", tree={**TREE, "roots": [0]}), ["tree.roots.0", "put it in quotes"]),
        ({}, {"replace": [{"find": "("}]}, ["categories.replace", "'('"]),
        ({}, {"replace": [{"find": "a"}]}, ["replace", "source: columns"]),
        ({"joins": [{"files": "a.csv", "by": "x", "columns": []}]}, {}, ["joins.0.columns"]),
        ({"joins": [{"files": "a.csv", "columns": ["c"]}]}, {}, ["joins.0.by"]),
        ({"quoting": "maybe"}, {}, ["source.quoting", "none"]),
        ({"escape": "^"}, {}, ["source.escape"]),
        ({"escape": "\\", "quoting": "none"}, {}, ["escape is for quoting: rfc4180", "leave it"]),
        ({"escape": "\\", "format": "json"}, {}, ["escape is for delimited text", "json"]),
        ({"delimiter": "\t\t"}, {}, ["source.delimiter", "one character"]),
        ({"delimiter": ""}, {}, ["source.delimiter", "one character"]),
        ({"delimiter": r"\t"}, {}, ["source.delimiter", "a tab", "double quotes"]),
        ({"delimiter": "\n"}, {}, ["source.delimiter", "cannot part columns"]),
        ({"delimiter": '"'}, {}, ["source.delimiter", "cannot part columns"]),
        ({"encoding": "idna"}, {}, ["no such encoding: 'idna'"]),
        ({"encoding": "utf-9"}, {}, ["no such encoding: 'utf-9'"]),
    ],
)
def test_what_cannot_be_read_is_one_line(
    source: dict[str, Any], categories: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(UsageError) as refused:
        parse(source, categories)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"pattern": "^title"}, ["no group"]),
        ({"pattern": "("}, ["is not an RE2 pattern"]),
        ({"pattern": "(.*)", "count": "(.*)"}, ["count is for a field that is repeated"]),
        ({"pattern": "(.*)", "repeated": True, "count": "n"}, ["no group"]),
    ],
)
def test_a_pattern_of_no_use_is_one_line(field: dict[str, Any], words: list[str]) -> None:
    grammar = {"begin": "^#", "fields": {"title": field}}
    with pytest.raises(UsageError) as refused:
        parse({"format": "records", "records": grammar})
    for word in ["source.records.fields.title", *words]:
        assert word in str(refused.value)
