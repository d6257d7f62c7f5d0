"""How the category of a record is found, and which levels its parts are."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from configs.section import Count, NamedLevel, Section, check_pattern
from configs.source import Name

ListMeaning = Literal["labels", "path"]


class Replacement(Section):
    """Replace `find` by `replace`; which of the two is a pattern is said where it is used."""

    find: str = Field(min_length=1)
    replace: str = ""


def check_patterns(rules: list[Replacement]) -> list[Replacement]:
    """Return rules whose `find` is an RE2 pattern; raise `ValueError` for one that is not."""
    for rule in rules:
        check_pattern(rule.find, rule.replace)
    return rules


class LevelRule(Section):
    """A level of the tree is part number `part` of the category, if it has `min_parts` parts."""

    part: int
    min_parts: Count = 1


def _first_and_last_part() -> dict[NamedLevel, LevelRule]:
    return {"main": LevelRule(part=0), "bottom": LevelRule(part=-1)}


class TreeSettings(Section):
    """A table below the input in which each row is a category: its id, its parent's, its name.

    What a record says is then such an id, and its category the names from the top down to it. A
    row is at the top where its parent is empty, is the row itself, or is no id but one of `roots`,
    in upper or lower case.
    """

    files: Name
    id: Name = "id"
    parent: Name = "parent_id"
    name: Name = "name"
    roots: list[Name] = Field(default=["0", "-1", "null", "none", "nan", r"\N"])

    @model_validator(mode="after")
    def _parent_is_another_column(self) -> Self:
        if self.parent in (self.id, self.name):
            raise ValueError(
                f"parent must be another column than id and name; got parent: {self.parent}, "
                f"id: {self.id}, name: {self.name}"
            )
        return self


class CategorySettings(Section):
    """How the category path of a record is found, and which levels its parts are.

    `source: file_name` takes the file's name without its ending, `folders` the folders between the
    input and the file, `path` both, the separator between them; `columns` joins `columns`. With
    `label_separator` the one column holds several categories, that text between them. A list of
    texts is several categories too, or, with `lists: path`, the parts of one from the top down.
    With `tree` each is an id, for which the path in that table stands. To each `rename` is applied
    in order, as literal text, then `replace` (RE2 patterns); `prefix` is dropped; the rest is split
    at `separator`.
    """

    source: Literal["file_name", "folders", "path", "columns"] = "file_name"
    columns: list[str] = Field(default_factory=list)
    label_separator: str | None = Field(default=None, min_length=1)
    lists: ListMeaning = "labels"
    tree: TreeSettings | None = None
    rename: list[Replacement] = Field(default_factory=list)
    replace: list[Replacement] = Field(default_factory=list)
    prefix: str = ""
    separator: str = Field(default="_", min_length=1)
    levels: dict[NamedLevel, LevelRule] = Field(default_factory=_first_and_last_part)

    @model_validator(mode="after")
    def _columns_when_needed(self) -> Self:
        if (self.source == "columns") != bool(self.columns):
            raise ValueError(
                "columns must be named with source: columns, and only there; "
                f"got source: {self.source}, columns: {self.columns}"
            )
        if self.replace and self.source != "columns":
            raise ValueError("replace is for categories with source: columns; use rename")
        if self.label_separator and len(self.columns) != 1:
            raise ValueError(
                f"label_separator parts the categories of one column; columns are {self.columns}"
            )
        return self

    @model_validator(mode="after")
    def _lists_where_they_may_be(self) -> Self:
        if self.lists == "path" and self.source != "columns":
            raise ValueError(f"lists: path is for source: columns; got source: {self.source}")
        if self.lists == "path" and self.label_separator:
            raise ValueError(
                f"lists: path makes one category of a list, label_separator: "
                f"{self.label_separator!r} several of a text; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _tree_of_one_column(self) -> Self:
        if self.tree is None:
            return self
        if self.source != "columns" or len(self.columns) != 1:
            raise ValueError(
                "tree is for source: columns with one column, that of the ids; got source: "
                f"{self.source}, columns: {self.columns}"
            )
        if self.lists == "path":
            raise ValueError(
                "lists: path makes one category of a list; with tree each text of a list is the "
                "id of one: leave lists out"
            )
        return self

    @field_validator("replace")
    @classmethod
    def _patterns_compile(cls, value: list[Replacement]) -> list[Replacement]:
        return check_patterns(value)
