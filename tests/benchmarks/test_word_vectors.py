"""Word vectors from an encoder's input embeddings: whole words, and words made of pieces."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from benchmarks.word_vectors import main, pieces_of, word_vectors

PIECES = ["[PAD]", "watch", "bath", "##ful", "##s", "!"]
TABLE = np.array([[9, 9], [1, 0], [3, 2], [4, 4], [0, 8], [9, 9]], np.float32)


def test_a_word_is_cut_into_the_longest_pieces_from_the_left() -> None:
    known = {piece: row for row, piece in enumerate(PIECES)}
    assert pieces_of("watchfuls", known) == [1, 3, 4]
    assert pieces_of("watchman", known) == []
    assert pieces_of("fulwatch", known) == []


def test_vectors_are_less_the_mean_of_whole_words_and_pieces_count_the_same() -> None:
    found = word_vectors(TABLE, PIECES, ["baths", "bath", "zebra"])
    assert {word: vector.tolist() for word, vector in found.items()} == {
        "watch": [-1.0, -1.0],
        "bath": [1.0, 1.0],
        "baths": [-0.5, 4.0],
    }


def _encoder(folder: Path, name: str) -> Path:
    header = json.dumps(
        {name: {"dtype": "F32", "shape": [6, 2], "data_offsets": [0, TABLE.nbytes]}}
    ).encode()
    content = struct.pack("<Q", len(header)) + header + TABLE.tobytes()
    (folder / "model.safetensors").write_bytes(content)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return folder


def test_the_file_is_glove_text_with_the_words_of_text_files(tmp_path: Path) -> None:
    words, out = tmp_path / "titles.txt", tmp_path / "vectors.txt.gz"
    words.write_text("BATHS, watch!\n")
    encoder = _encoder(tmp_path, "embeddings.word_embeddings.weight")
    given = ["--config", "configs/uci_sentiment.yaml", "--encoder", encoder, "--words", words]
    assert main([*map(str, given), "--output", str(out)]) == 0
    assert gzip.decompress(out.read_bytes()).decode() == (
        "watch -1.00000 -1.00000\nbath 1.00000 1.00000\nbaths -0.50000 4.00000\n"
    )


def test_a_file_that_is_no_encoder_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = _encoder(tmp_path, "something.else")
    given = ["--config", "configs/uci_sentiment.yaml", "--encoder", str(encoder)]
    assert main([*given, "--output", str(tmp_path / "x.gz")]) == 2
    assert "name a BERT-like encoder" in capsys.readouterr().err
