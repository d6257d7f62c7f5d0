"""Plan the labelling of all products anew: what a new champion could change, the likeliest first.

A product comes the earlier the less sure its label was (by how much its probability leads the
next one below); one without a label comes first; one that the champion labelled already, from this
very title, is left out. What is left is cut into chunks, each a dump of its own.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.artifacts import PrefixArtifacts, RunArtifacts
from configs.columns import ColumnFeatures, DenseColumn
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.settings import Settings
from pipelines import storage
from pipelines.champion import Champion
from pipelines.check_dump import champion_features
from pipelines.dumps import dump_fingerprint, find_dump_files, read_dump_file
from pipelines.run_files import read_description
from pipelines.sinks.engine import parse_url, shown
from pipelines.stored_margins import last_change, read_margins
from transforms.column_values import number_texts

PLAN = "plan.json"
# Of `dump` what is of no matter to which products there are, and how each is read.
_OF_PREDICTION = {"top_k", "rules", "reuse_scores", "num_shards", "batch_rows"}


def plan_backfill(
    settings: Settings,
    prefix: str,
    champion: Champion,
    products: str,
    store_url: str,
    *,
    force: bool = False,
) -> dict[str, Any]:
    """Write the chunks and `plan.json`, unless they are there.

    A plan is the champion's, for these products as `dump` has them read, and for the store as it
    is; `force` makes it anew.
    Figures: `folder` and `chunks` (paths), `products`, `up_to_date`, `to_label`, `sets` (the
    `--set` options with which a chunk is read), `done_before`. Raises `UsageError` where there are
    no products, or the store cannot be read.
    """
    model = _fingerprint(prefix, champion)
    state = _state(settings, store_url, model)
    features = champion_features(prefix, champion)
    files = find_dump_files(products, settings.dump, features)
    content = dump_fingerprint(files)
    folder = PrefixArtifacts(prefix).backfill(f"{champion.run_id}.{champion.model}"[:119])
    name = f"{content[:8]}-{state}-{settings.schedule.chunk_rows}"
    plan = f"{folder}/{name}-{PLAN}"
    if storage.exists(plan) and not force:
        return {**json.loads(storage.read_bytes(plan)), "done_before": True}
    tables = [
        pa.Table.from_batches([batch])
        for file in files
        for batch, _ in read_dump_file(file, settings.dump, features)
    ]
    if not tables:
        raise UsageError(f"--products {products}: not one row that can be read; nothing to label")
    rows = _last_of_each_id(pa.concat_tables(tables))
    margins = _margins(rows["id"], settings, store_url, model)
    order = np.argsort(margins, kind="stable")
    wanted = order[~np.isposinf(margins[order])]
    rows = _as_read(rows, features)
    chunks = _write_chunks(rows, wanted, f"{folder}/{name}", settings.schedule.chunk_rows)
    figures = {
        "folder": folder,
        "chunks": chunks,
        "products": rows.num_rows,
        "up_to_date": rows.num_rows - len(wanted),
        "to_label": len(wanted),
        "sets": _sets(features),
    }
    storage.write_bytes(plan, json.dumps(figures, indent=1).encode())
    return {**figures, "done_before": False}


def _state(settings: Settings, store_url: str, model: str) -> str:
    """Name what a plan hangs on beside the products' files.

    The store, without its password, and the newest change of a label in it, the model, and how the
    products are read.
    """
    store = settings.store
    names = {"url": shown(parse_url(store_url)), "table": store.labels_table, "model": model}
    read = settings.dump.model_dump(mode="json", exclude=_OF_PREDICTION)
    return fingerprint({**names, "newest": last_change(store_url, store), "read": read})[:8]


def _last_of_each_id(rows: pa.Table) -> pa.Table:
    """Keep the last row of each id, as prediction does."""
    numbered = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    last = numbered.group_by("id").aggregate([("row", "max")])["row_max"]
    return rows.take(pc.take(last, pc.sort_indices(last)))


def _fingerprint(prefix: str, champion: Champion) -> str:
    export = RunArtifacts(prefix, champion.run_id).exports(champion.model)
    return str(read_description(export, "model_fingerprint")["model_fingerprint"])


def _margins(ids: pa.ChunkedArray, settings: Settings, store_url: str, champion: str) -> np.ndarray:
    """Return how sure each id's label is: -1 without one, infinity if it is the champion's."""
    known: dict[str, float] = {}
    for product, model, margin in read_margins(store_url, settings.store):
        known[product] = np.inf if model == champion else margin
    return np.array([known.get(name, -1.0) for name in ids.to_pylist()])


def _as_read(rows: pa.Table, features: ColumnFeatures) -> pa.Table:
    """Return rows whose numbers are texts, each as the rule of its feature reads numbers."""
    for name, feature in features.items():
        if isinstance(feature, DenseColumn):
            numbers = rows[name].combine_chunks()
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, number_texts(numbers, feature.decimal))
    return rows


def _write_chunks(rows: pa.Table, order: np.ndarray, name: str, chunk_rows: int) -> list[str]:
    kept = rows.drop_columns([name for name in ("file", "line") if name in rows.column_names])
    paths = []
    for number, begin in enumerate(range(0, len(order), chunk_rows)):
        path = f"{name}-{number:05d}.parquet"
        with storage.open_output(path) as file:
            pq.write_table(kept.take(order[begin : begin + chunk_rows]), file)
        paths.append(path)
    return paths


def _sets(features: ColumnFeatures) -> list[str]:
    """Return the options with which a chunk is read, however the products were written."""
    columns = json.dumps({name: name for name in features})
    sets = ["dump.id=id", "dump.title=title", "dump.title_join=[]", "dump.format=parquet"]
    sets += ["dump.items=null", "dump.escape=null", "dump.header=[]", "dump.skip_lines=0"]
    return [*sets, f"dump.columns={columns}"] if features else sets
