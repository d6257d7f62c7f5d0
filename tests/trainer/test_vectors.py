"""Word vectors: three formats, plain or gzipped; what is broken is named by file and line."""

from __future__ import annotations

import gzip
import itertools
import struct
from pathlib import Path

import numpy as np
import pytest

from configs.errors import UsageError
from trainer.vectors import WordVectors, read_vectors

WORDS = [b"bath", b"towel", "café".encode(), b"2019"]
VECTORS = {
    "towel": [0.5, -1.25, 3e-05],
    "zebra": [9.0, 9.0, 9.0],
    "café": [1.0, 2.0, -0.75],
    "2019": [4.0, 5.0, 6.0],
}


def text(vectors: dict[str, list[float]] = VECTORS, end: str = "\n") -> str:
    return "".join(f"{word} {' '.join(map(str, row))}{end}" for word, row in vectors.items())


def binary(gap: bytes = b"\n") -> bytes:
    """Return what word2vec writes; some of its writers end a vector with a line break."""
    rows = [f"{word} ".encode() + struct.pack("<3f", *row) + gap for word, row in VECTORS.items()]
    return b"4 3\n" + b"".join(rows)


def read(path: Path, form: str = "auto", width: int = 3) -> WordVectors:
    key = "models.text_cnn.embedding_width"
    return read_vectors(str(path), form, WORDS, first_id=2, width=width, key=key)  # type: ignore[arg-type]


def refusal(folder: Path, content: str | bytes, form: str = "auto", width: int = 3) -> str:
    """Return the one line with which a file is refused, without its folder."""
    path = folder / "vectors.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as refused:
        read(path, form, width)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"{folder}/")
    return message.removeprefix(f"{folder}/")


CONTENTS = {
    "glove": text().encode(),
    "word2vec_text": ("4 3\n" + text(end=" \r\n")).encode(),
    "word2vec_binary": binary(),
    "word2vec_binary, no line breaks": binary(b""),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize(("name", "named"), itertools.product(CONTENTS, [False, True]))
def test_every_format_gives_the_same_vectors(
    tmp_path: Path, name: str, named: bool, zipped: bool
) -> None:
    """Whether the format is named or found out."""
    path = tmp_path / "vectors"
    path.write_bytes(gzip.compress(CONTENTS[name]) if zipped else CONTENTS[name])
    found = read(path, name.partition(",")[0] if named else "auto")
    rows = dict(zip(found.ids.tolist(), found.values.tolist(), strict=True))
    expected = {3: VECTORS["towel"], 4: VECTORS["café"], 5: VECTORS["2019"]}
    assert rows == {row: pytest.approx(values) for row, values in expected.items()}
    assert found.values.dtype == np.float32
    assert found.coverage == 0.75


def test_a_word_with_spaces_is_passed_over_and_the_first_of_two_vectors_counts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "glove.txt"
    path.write_text(". . . 1 2 3\nat name@mail 1 2 3\nbath 4 5 6\nbath 7 8 9\n")
    found = read(path)
    assert (found.ids.tolist(), found.values.tolist()) == ([2], [[4, 5, 6]])


def test_a_file_without_a_word_of_the_vocabulary_covers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_text("zebra 1 2 3\n")
    found = read(path)
    assert found.coverage == 0
    assert found.values.shape == (0, 3)


@pytest.mark.parametrize("form", ["glove", "word2vec_text", "word2vec_binary"])
def test_another_width_names_both_and_the_setting(tmp_path: Path, form: str) -> None:
    assert refusal(tmp_path, CONTENTS[form], form, width=300) == (
        "vectors.txt, line 1: vectors of 3 numbers, but models.text_cnn.embedding_width is 300; "
        "set that to 3, or name another file"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("bath 1 2 3\ntowel 1 2\n", "line 2: 2 numbers, expected 3"),
        ("bath 1 2 3\ntowel 1 2 3 4\n", "line 2: 4 numbers, expected 3"),
        ("bath 1 2 3\n\ntowel\n", "line 3: 0 numbers, expected 3"),
        ("bath 1 2 3\nzebra 1 two 3\n", "line 2: a number was expected in '1 two 3'"),
        ("bath 1 2 3\ntowel 1 2 3-\n", "line 2: a number was expected in '1 2 3-'"),
        ("bath 1 2 nan\n", "line 1: a number was expected in '1 2 nan'"),
        ("bath 1 2 1e99\n", "line 1: a number is not finite"),
        ("2 3\nbath 1 2 3\ntowel 1 2\n", "line 3: 2 numbers, expected 3"),
        ("3 3\nbath 1 2 3\ntowel 1 2 3\n", "line 3: the file ends with 2 vectors, expected 3"),
        ("9 3\nbath", "line 2: 0 numbers, expected 3"),
        ("", "line 1: the file ends with 0 vectors, expected 1"),
        (binary()[:-9], "word 4 of 4: the file ends within it"),
        (b"2 3\nbath " + b"\xff" * 12, "word 1: a number is not finite"),
        (
            b"9 3\nzebra " + b"\xff" * 9000,
            "word 2 of 9: the file ends within it, or no word is there",
        ),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, content: str | bytes, expected: str) -> None:
    assert refusal(tmp_path, content).startswith(f"vectors.txt, {expected}")


def test_a_header_that_is_none_is_shown(tmp_path: Path) -> None:
    message = refusal(tmp_path, text(), "word2vec_text")
    assert "line 1: expected the number of words and their width, got 'towel 0.5" in message


def test_a_file_that_is_not_there_or_is_cut_off_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.txt: cannot be read \(No such file"):
        read(tmp_path / "none.txt")
    cut = refusal(tmp_path, gzip.compress(text().encode())[:-12])
    assert "vectors.txt: the compressed file is damaged (" in cut
