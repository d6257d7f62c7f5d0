"""The tables of the label store.

`labels` has a row a product; `label_history` a row a change, with all of the new state, so that
the state before any change is the row before it. `label_writes`, `label_chunks` and
`label_deliveries` say how far a write has come; `label_dead_letters` keeps what was refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from configs.errors import UsageError
from configs.stores import StoreSettings
from pipelines.sinks.engine import shown

PROVENANCE = ("run_id", "model", "model_fingerprint", "config_fingerprint", "transform_fingerprint")
COMPARED = ("label", "probability", "labels", "probabilities", "model_fingerprint", "source")
# What a row of `labels` has beside label and probability; `origin` comes from its write alone
STATED = ("labels", "probabilities", "title_hash", "source", "rule")
ORIGIN = (*PROVENANCE, "taxonomy_version", "dump_id", "label_write_id")
STATE = (*STATED, *ORIGIN)
_NEWER = ("rule", "taxonomy_version", "label_write_id")  # stores of before have them not
VERDICTS = ("inserted", "changed", "unchanged", "kept", "held")


@dataclass(frozen=True)
class Tables:
    """All tables of a store; `stage` and `judged` are temporary, a connection's own."""

    metadata: sa.MetaData
    labels: sa.Table
    history: sa.Table
    writes: sa.Table
    chunks: sa.Table
    deliveries: sa.Table
    dead_letters: sa.Table
    stage: sa.Table
    judged: sa.Table


def tables_of(settings: StoreSettings) -> Tables:
    """Lay out the tables under the names of the settings."""
    if settings.labels_table.casefold() == settings.history_table.casefold():
        raise UsageError(
            f"store.labels_table and store.history_table are both {settings.labels_table!r}; "
            "expected two names; set one of them"
        )
    metadata, temporary, base = sa.MetaData(), sa.MetaData(), settings.labels_table
    made = {
        "labels": sa.Table(settings.labels_table, metadata, *_labels_columns()),
        "history": sa.Table(settings.history_table, metadata, *_history_columns()),
        "writes": sa.Table(f"{base}_writes", metadata, *_writes_columns()),
        "chunks": sa.Table(f"{base}_chunks", metadata, *_chunks_columns()),
        "deliveries": sa.Table(f"{base}_deliveries", metadata, *_deliveries_columns()),
        "dead_letters": sa.Table(f"{base}_dead_letters", metadata, *_dead_letters_columns()),
        "stage": sa.Table("aisle_stage", temporary, *_stage_columns(), prefixes=["TEMPORARY"]),
        "judged": sa.Table(
            "aisle_judged",
            temporary,
            *_stage_columns(),
            sa.Column("old_label", sa.Text),
            sa.Column("old_probability", sa.Double),
            sa.Column("verdict", sa.Text, nullable=False),
            prefixes=["TEMPORARY"],
        ),
    }
    return Tables(metadata=metadata, **made)


def make_tables(connection: sa.Connection, tables: Tables) -> None:
    """Make what is missing; give the tables of an older Aisle the columns they lack."""
    lacking = missing_columns(connection, tables)
    tables.metadata.create_all(connection)
    quoted = connection.dialect.identifier_preparer.format_table
    for table, names in lacking.items():
        for name in names if len(names) < len(table.c) else ():
            kind = table.c[name].type.compile(connection.dialect)
            add = f"ALTER TABLE {quoted(table)} ADD COLUMN {name} {kind}"
            connection.execute(sa.text(add))


def missing_columns(connection: sa.Connection, tables: Tables) -> dict[sa.Table, list[str]]:
    """Return what the tables lack: all columns of one that is not there, newer ones of others.

    Raises `UsageError` where a table is another program's.
    """
    found, lacking = sa.inspect(connection), {}
    for table in tables.metadata.sorted_tables:
        there = found.has_table(table.name)
        present = {one["name"] for one in found.get_columns(table.name)} if there else set()
        missing = [column.name for column in table.columns if column.name not in present]
        foreign = [name for name in missing if name not in _NEWER]
        if there and foreign:
            raise UsageError(
                f"{shown(connection.engine.url)}: the table {table.name} is another program's, as "
                f"it has no column {foreign[0]}; set store.labels_table and store.history_table to "
                "other names, or store.url to another database"
            )
        if missing:
            lacking[table] = missing
    return lacking


def _labels_columns() -> list[sa.Column[Any]]:
    return [
        _product_id(primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        *_state_columns(nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    ]


def _history_columns() -> list[sa.Column[Any]]:
    """An undo that takes a label away again leaves the columns of the new state empty."""
    return [
        sa.Column("id", _number(), primary_key=True, autoincrement=True),
        _product_id(index=True),
        sa.Column("old_label", sa.Text),
        sa.Column("new_label", sa.Text),
        sa.Column("old_probability", sa.Double),
        sa.Column("new_probability", sa.Double),
        *_state_columns(nullable=True),
        sa.Column("write_id", sa.String(32), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    ]


def _state_columns(*, nullable: bool) -> list[sa.Column[Any]]:
    return [
        sa.Column(
            name,
            _json() if name in ("labels", "probabilities") else sa.Text(),
            nullable=nullable or name in _NEWER,
        )
        for name in STATE
    ]


def _writes_columns() -> list[sa.Column[Any]]:
    texts = ("work", "dump_id", "source", "state")  # `work` names what is written
    return [
        sa.Column("write_id", sa.String(32), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("batch_rows", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    ]


def _chunks_columns() -> list[sa.Column[Any]]:
    """`first_change` and `last_change` are the history ids between which its changes lie."""
    counts = (*VERDICTS, "refused", "first_change", "last_change")
    return [
        sa.Column("write_id", sa.String(32), primary_key=True),
        sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, _number(), nullable=False) for name in counts),
    ]


def _deliveries_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("write_id", sa.String(32), primary_key=True),
        sa.Column("sink", sa.String(200), primary_key=True),
        sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("delivered", _number(), nullable=False),
        sa.Column("refused", _number(), nullable=False),
    ]


def _dead_letters_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", _number(), primary_key=True, autoincrement=True),
        sa.Column("write_id", sa.String(32), nullable=False),
        sa.Column("sink", sa.String(200), nullable=False),
        sa.Column("chunk", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True)),
    ]


def _stage_columns() -> list[sa.Column[Any]]:
    texts = ("label", "labels", "probabilities", "title_hash", "source", "rule", "held")
    free = ("rule", "held")
    return [
        sa.Column("place", sa.Integer, nullable=False),
        _product_id(),
        sa.Column("probability", sa.Double, nullable=False),
        *(sa.Column(name, sa.Text, nullable=name in free) for name in texts),
    ]


def _product_id(*, primary_key: bool = False, index: bool = False) -> sa.Column[Any]:
    """MySQL cannot index a text without a length, and by default takes `a` and `A` for the same."""
    exact = mysql.VARCHAR(255, collation="utf8mb4_bin")
    text = sa.Text().with_variant(exact, "mysql", "mariadb")
    return sa.Column("product_id", text, primary_key=primary_key, index=index, nullable=False)


def _number() -> sa.types.TypeEngine[Any]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _json() -> sa.types.TypeEngine[Any]:
    """JSON that is written and read as its text."""
    return sa.Text().with_variant(postgresql.JSON(), "postgresql")
