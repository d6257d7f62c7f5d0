"""What happens to the titles of a batch in TensorFlow: cleaning, counting tokens; without Beam."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from configs.features import TextSettings, TokenSettings
from configs.preprocess import SplitSettings
from transforms.titles import CLEANED, further_columns, of_training

READ = pa.schema(
    [
        ("file", pa.int32()),
        ("line", pa.int64()),
        ("category", pa.string()),
        ("title", pa.string()),
    ]
)


def clean_batch(
    batch: pa.RecordBatch, text: TextSettings, key: int
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Return a batch of `CLEANED`, and the rows of `READ` of which nothing was left."""
    from transforms.graphs import clean_and_hash  # here: TensorFlow takes seconds

    cleaned, keys = clean_and_hash(batch.column("title"), text, key)
    blank = pc.equal(pc.binary_length(cleaned), 0)
    blank = pc.or_(blank, pc.equal(cleaned, pa.scalar(b" ", pa.binary())))
    whole = pa.RecordBatch.from_arrays(
        [keys, batch.column("file"), batch.column("line"), batch.column("category"), cleaned],
        schema=CLEANED,
    )
    for name in further_columns(batch, READ):
        whole = whole.append_column(name, batch.column(name))
    if not pc.any(blank).as_py():
        return whole, batch.slice(0, 0)
    return whole.filter(pc.invert(blank)), batch.filter(blank)


def count_tokens(
    titles: pa.RecordBatch, tokens: TokenSettings, split: SplitSettings
) -> pa.RecordBatch:
    """Return the distinct tokens of a part's training titles and how often each occurs."""
    from transforms.graphs import unique_tokens

    texts = of_training(titles, split).column("text")
    return unique_tokens(texts, tokens.strip, tokens.separate)
