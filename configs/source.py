"""Settings of the category files: how they are written, and where their columns come from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from configs.section import Count, Delimiter, Encoding, Pattern, Section, check_pattern

Quoting = Literal["rfc4180", "none"]
Escape = Literal["\\"]
Name = Annotated[str, Field(min_length=1)]


def _check_group(pattern: str) -> str:
    """Return an RE2 pattern that has a group: what stands in it is the value."""
    check_pattern(pattern)
    try:
        return check_pattern(pattern, r"\1")
    except ValueError:
        raise ValueError(
            f"{pattern!r} has no group; put round brackets around what is the value"
        ) from None


ValuePattern = Annotated[str, AfterValidator(_check_group)]


def check_items(form: str, items: str | None) -> None:
    """Raise `ValueError` unless `items` stands where the format has a place for it."""
    if form == "xml" and items is None:
        raise ValueError("format: xml needs items, the name of the element that holds a record")
    if items is not None and form not in ("json", "xml", "auto"):
        raise ValueError(f"items is for format: json or xml, not {form}")


def check_escape(form: str, quoting: str, escape: str | None) -> None:
    """Raise `ValueError` where `escape` stands beside a format or a quoting without quotes."""
    if escape and form not in ("table", "auto", "csv", "tsv"):
        raise ValueError(f"escape is for delimited text, not for format: {form}")
    if escape and quoting == "none":
        raise ValueError("escape is for quoting: rfc4180; with none quotes are text: leave it out")


class ColumnSettings(Section):
    """Header names by which a column is known; the first that a file has is taken.

    With `title_join` the title is the text of these columns, all of them, one space between.
    """

    title: list[str] = Field(default=["title"], min_length=1)
    title_join: list[str] = Field(default_factory=list)


class JoinSettings(Section):
    """A table below the input that adds columns to each record: look-up by one column.

    A record's column `by` is looked up in the table's `key` (by default of the same name), where
    a value must stand once. A record whose value is not in the table is a reject.
    """

    files: Name
    by: str
    key: str | None = None
    columns: list[str] = Field(min_length=1)


class FieldSettings(Section):
    r"""A field of a nested record: what the first group of `pattern` takes from a line.

    `repeated`: any number of lines hold one value each. `count` then takes from another line how
    many there should be: a record with more or fewer is a reject.
    """

    pattern: ValuePattern
    repeated: bool = False
    count: ValuePattern | None = None

    @model_validator(mode="after")
    def _count_of_repeated(self) -> Self:
        if self.count and not self.repeated:
            raise ValueError("count is for a field that is repeated: true")
        return self


class RecordSettings(Section):
    """How records of several lines are told apart: RE2 patterns, tried on each line.

    A line that matches `begin` opens a record, which goes on to the next such line. Lines before
    the first are rejects, unless they are blank or match `ignore`.
    """

    begin: Pattern
    ignore: Pattern | None = None
    fields: dict[Name, FieldSettings] = Field(min_length=1)


class SourceSettings(Section):
    """The category files: which, and how they are written.

    `format`: `table` is delimited text, whose first line after `skip_lines` names the columns
    unless `header` does; `records` are of several lines (`records`); `jsonl` an object a line.
    `quoting: none` takes quotes for text, as many tab-separated files do; with `escape`, a
    backslash, what stands behind one is text, in category files but not in tables of `joins`.
    """

    files: str = "**/*.csv"
    format: Literal["table", "records", "jsonl", "json", "xml", "parquet"] = "table"
    items: Name | None = None
    delimiter: Delimiter = ","
    quoting: Quoting = "rfc4180"
    escape: Escape | None = None
    header: list[str] = Field(default_factory=list)
    skip_lines: Annotated[int, Field(ge=0)] = 0
    encoding: Encoding = "utf-8"
    columns: ColumnSettings = ColumnSettings()
    records: RecordSettings | None = None
    joins: list[JoinSettings] = Field(default_factory=list)
    max_record_bytes: Count = 1 << 20

    @property
    def joined(self) -> dict[str, JoinSettings]:
        """The columns that come from joins, and from which."""
        return {column: join for join in self.joins for column in join.columns}

    @property
    def titles(self) -> list[str]:
        """The columns of the title: one that is there, or those that are joined."""
        return self.columns.title_join or self.columns.title

    @model_validator(mode="after")
    def _records_when_needed(self) -> Self:
        if (self.format == "records") != (self.records is not None):
            raise ValueError(
                "records must be given with format: records, and only there; "
                f"got format: {self.format}"
            )
        if self.format != "table" and (self.header or self.skip_lines):
            raise ValueError(f"header and skip_lines are for format: table, not {self.format}")
        check_escape(self.format, self.quoting, self.escape)
        check_items(self.format, self.items)
        return self

    @model_validator(mode="after")
    def _joined_once(self) -> Self:
        columns = [column for join in self.joins for column in join.columns]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise ValueError(f"joins give the column {twice[0]!r} twice; take it from one of them")
        return self

    @model_validator(mode="after")
    def _title_is_there(self) -> Self:
        repeated = [f for f in self.titles if f in self.repeated_fields]
        if repeated:
            raise ValueError(f"the title's field {repeated[0]!r} must not be repeated")
        for join in self.joins:
            self.check_columns("joins.by", [join.by], [join.by])
        self.check_columns(
            "columns.title", self.titles, self.titles if self.columns.title_join else []
        )
        return self

    @property
    def repeated_fields(self) -> list[str]:
        fields = self.records.fields if self.records else {}
        return [name for name, field in fields.items() if field.repeated]

    def may_hold_lists(self, column: str) -> bool:
        """Tell whether a record may hold a list of texts in this column."""
        texts = self.format in ("table", "records") or column in self.joined
        return column in self.repeated_fields or not texts

    def check_columns(self, where: str, some: list[str], every: list[str]) -> None:
        """Raise `ValueError` unless one of `some`, and all of `every`, may be among the columns.

        Where the files themselves name the columns, nothing can be said before they are read.
        """
        named = list(self.records.fields) if self.records else self.header
        if not named:
            return
        known = [*named, *self.joined]
        missing = [name for name in every if name not in known]
        if missing or not set(some) & set(known):
            raise ValueError(f"{where} is {(missing or some)[0]!r}, but the columns are {known}")
