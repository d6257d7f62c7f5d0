"""The words of a run's vocabulary, and the pre-trained vectors that a model starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.features import NgramSettings
from configs.models import BagOfNgramsSettings, FitSettings, VectorFile, WordSettings
from pipelines import fingerprints, listing
from pipelines.progress import counting
from trainer.transform import load_transform
from trainer.vectors import WordVectors, read_all_vectors, read_vectors
from transforms.text import word_buckets
from transforms.tokens import RESERVED_IDS, VOCABULARY


@dataclass(frozen=True)
class KnownWords:
    """How many words the vocabulary has, how many ids were asked for, the vectors if any."""

    words: int
    asked: int
    vectors: WordVectors | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """What the train stage says: `vocabulary_words`, a warning, the vectors' coverage."""
        said: dict[str, Any] = {"vocabulary_words": self.words}
        if self.words + RESERVED_IDS < self.asked:
            said["vocabulary_warning"] = (
                f"the training titles have {self.words} distinct words: of "
                f"features.tokens.vocabulary_size {self.asked} the rest is never used"
            )
        if self.vectors is not None:
            said["words_with_vectors"] = len(self.vectors.ids)
            said["vector_coverage"] = round(self.vectors.coverage, 4)
        return said


def read_known_words(
    artifacts: RunArtifacts, model: str, settings: FitSettings, vocabulary_size: int
) -> KnownWords:
    """Return the vocabulary of a run, with the vectors that the model's settings name.

    Raises `UsageError` where the file of vectors is not what they say, or the examples hold ids
    beyond `vocabulary_size`.
    """
    transform = load_transform(artifacts)
    words = transform.vocabulary_by_name(VOCABULARY)
    if len(words) + RESERVED_IDS > vocabulary_size:
        raise UsageError(
            f"features.tokens.vocabulary_size is {vocabulary_size}, but the examples in "
            f"{artifacts.tfrecords} have ids for {len(words)} words and {RESERVED_IDS} more; "
            "set it back, or run `aisle preprocess` again"
        )
    if not isinstance(settings, WordSettings) or settings.vectors is None:
        return KnownWords(len(words), vocabulary_size)
    with counting("train", "word vectors", None) as progress:
        vectors = read_vectors(
            settings.vectors.path,
            settings.vectors.format,
            words,
            first_id=RESERVED_IDS,
            width=settings.embedding_width,
            key=f"models.{model}.embedding_width",
            on_progress=progress,
        )
    return KnownWords(len(words), vocabulary_size, vectors)


def read_ngram_vectors(
    model: str, settings: FitSettings, ngrams: NgramSettings, characters: bool
) -> WordVectors | None:
    """Return the vectors of hashed words, with their buckets as ids, if the model asks for some.

    `characters`: whether n-grams of characters stand beside those of words. Of two words in one
    bucket the first counts. Raises `UsageError` as `read_vectors`, and where no single word is
    hashed.
    """
    if not isinstance(settings, BagOfNgramsSettings) or settings.vectors is None:
        return None
    key = f"models.{model}.vectors"
    if 1 not in ngrams.sizes:
        raise UsageError(f"{key} are of single words: features.ngrams.sizes needs 1 among them")
    with counting("train", "word vectors", None) as progress:
        words, values = read_all_vectors(
            settings.vectors.path,
            settings.vectors.format,
            width=settings.vectors.width,
            key=f"{key}.width",
            on_progress=progress,
        )
    alone = tf.RaggedTensor.from_tensor(tf.reshape(tf.constant(words, tf.string), [-1, 1]))
    hashed = word_buckets(alone, sizes=[1], even=characters, buckets=ngrams.buckets)
    buckets = hashed.values.numpy()
    ids, first = np.unique(buckets, return_index=True)
    return WordVectors(ids, values[first], len(words))


def vectors_fingerprint(settings: FitSettings) -> str:
    """Return what changes with the content of the file of vectors; empty without one."""
    vectors = getattr(settings, "vectors", None)
    if not isinstance(vectors, VectorFile):
        return ""
    return fingerprints.content_fingerprint(listing.list_files(vectors.path))
