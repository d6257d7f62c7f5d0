"""The tokens that get ids: the most frequent ones, or those of a file."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from configs.errors import UsageError
from configs.features import TokenSettings
from pipelines import fingerprints, listing, storage
from transforms.tokens import RESERVED_IDS, counts_of, most_frequent

_KEY = "features.tokens.vocabulary"


def vocabulary_of(counts: pa.RecordBatch, tokens: TokenSettings) -> pa.RecordBatch:
    """Return the tokens of the vocabulary with their counts, in the order of their ids.

    `counts` are those of all tokens; both are batches of `TOKEN_COUNTS`.
    """
    if tokens.vocabulary is None:
        return most_frequent(counts, tokens.vocabulary_size - RESERVED_IDS)
    return counts_of(pa.array(_read(tokens.vocabulary, tokens.vocabulary_size)), counts)


def check_vocabulary(tokens: TokenSettings) -> None:
    """Raise `UsageError` for a file that is not there, or is not a vocabulary."""
    if tokens.vocabulary is not None:
        _read(tokens.vocabulary, tokens.vocabulary_size)


def token_shape(tokens: TokenSettings) -> dict[str, Any]:
    """Return what the tokens of titles hang on: the settings, the file's content, not its path."""
    shape = tokens.model_dump(mode="json", exclude={"vocabulary"})
    if tokens.vocabulary is not None:
        files = listing.list_files(tokens.vocabulary)
        shape["vocabulary"] = fingerprints.content_fingerprint(files)
    return shape


def _read(path: str, size: int) -> list[bytes]:
    try:
        tokens = storage.read_bytes(path).removesuffix(b"\n").split(b"\n")
    except OSError as error:
        raise UsageError(
            f"{_KEY} {path}: cannot be read ({error.strerror}); name the file `tokens` below the "
            "transform_fn of an earlier run"
        ) from error
    first: dict[bytes, int] = {}
    for line, token in enumerate(tokens, 1):
        if not token or first.setdefault(token, line) < line:
            found = f"the token of line {first[token]} again" if token else "nothing"
            raise UsageError(f"{_KEY} {path}: line {line} holds {found}; expected a token a line")
    if len(tokens) > size - RESERVED_IDS:
        raise UsageError(
            f"{_KEY} {path}: {len(tokens)} tokens, for which features.tokens.vocabulary_size must "
            f"be {len(tokens) + RESERVED_IDS} or more; it is {size}"
        )
    return tokens
