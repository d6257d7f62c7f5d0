"""The tokens that get ids: by falling count, or a file's, which is refused where it is none."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from configs.errors import UsageError
from configs.features import TokenSettings
from configs.settings import Settings
from pipelines.preprocess import preprocess_fingerprint
from pipelines.vocabulary import check_vocabulary, vocabulary_of
from transforms.tokens import TOKEN_COUNTS

COUNTS = {b"cat": 1, b"dog": 2, b"ant": 1, b"bed": 2}


def chosen(counts: dict[bytes, int], tokens: TokenSettings) -> list[tuple[bytes, int]]:
    columns = [list(counts), list(counts.values())]
    found = vocabulary_of(
        pa.RecordBatch.from_arrays([*map(pa.array, columns)], ["token", "count"]), tokens
    )
    assert found.schema == TOKEN_COUNTS
    return [(row["token"], row["count"]) for row in found.to_pylist()]


def of_file(path: Path, content: bytes, size: int = 20) -> TokenSettings:
    path.write_bytes(content)
    return TokenSettings(vocabulary=str(path), vocabulary_size=size)


def test_tokens_come_by_falling_count_and_then_by_the_token() -> None:
    """Of six places two are reserved: of `ant` and `cat`, once each, both stay."""
    expected = [(b"bed", 2), (b"dog", 2), (b"ant", 1), (b"cat", 1)]
    assert chosen(COUNTS, TokenSettings(vocabulary_size=6)) == expected
    assert chosen(COUNTS, TokenSettings(vocabulary_size=5)) == expected[:3]


def test_tokens_of_a_file_keep_their_order_whatever_is_frequent(tmp_path: Path) -> None:
    tokens = of_file(tmp_path / "tokens", b"cat\nnever seen\nbed\n", size=5)
    assert chosen(COUNTS, tokens) == [(b"cat", 1), (b"never seen", 0), (b"bed", 2)]


@pytest.mark.parametrize(
    ("content", "size", "said"),
    [
        (b"cat\n\nbed\n", 20, "line 2 holds nothing"),
        (b"", 20, "line 1 holds nothing"),
        (b"cat\nbed\ncat", 20, "line 3 holds the token of line 1 again"),
        (b"cat\nbed\n", 3, "2 tokens, for which features.tokens.vocabulary_size must be 4 or more"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_one_line(
    tmp_path: Path, content: bytes, size: int, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        check_vocabulary(of_file(tmp_path / "tokens", content, size))
    assert str(raised.value).startswith(f"features.tokens.vocabulary {tmp_path / 'tokens'}: ")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No such file.*of an earlier run"):
        check_vocabulary(TokenSettings(vocabulary=str(tmp_path / "none")))


def test_examples_hang_on_what_the_file_holds_not_on_its_path(
    tmp_path: Path, tiny_settings: Settings
) -> None:
    def fingerprint(tokens: TokenSettings) -> str:
        features = tiny_settings.features.model_copy(update={"tokens": tokens})
        return preprocess_fingerprint(tiny_settings.model_copy(update={"features": features}))

    one, same, other = (
        fingerprint(of_file(tmp_path / name / "tokens", content))
        for name, content in (("a", b"cat\n"), ("b", b"cat\n"), ("c", b"dog\n"))
        if (tmp_path / name).mkdir() is None
    )
    assert one == same
    assert one != other
    assert one != fingerprint(TokenSettings(vocabulary_size=20))
