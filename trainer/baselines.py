"""What a model has to beat: the largest class, and a linear model on words and word pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier


def linear_accuracy(
    train: tuple[Sequence[str], np.ndarray], test: tuple[Sequence[str], np.ndarray], seed: int
) -> float:
    """Return the accuracy on `test` of logistic regression on TF-IDF of uni- and bi-grams.

    Each part is titles [n] and class ids [n]. Fitted by stochastic gradient descent; words that
    occur once are left out.
    """
    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32, token_pattern=r"\S+"
    )
    model = SGDClassifier(
        loss="log_loss", alpha=1e-6, max_iter=8, tol=1e-3, random_state=seed, n_jobs=-1
    )
    model.fit(vectorizer.fit_transform(train[0]), train[1])
    return float(np.mean(model.predict(vectorizer.transform(test[0])) == test[1]))
