"""Import TensorFlow without what its native code writes to standard error on the way."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator


def import_tensorflow() -> None:
    """Load TensorFlow and look for devices; real errors are exceptions and come through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Arrow's own pool keeps what was freed: half a gigabyte on three million records.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    warnings.filterwarnings("ignore")
    logging.getLogger().setLevel(logging.ERROR)
    with _native_stderr_closed():
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")
    tf.get_logger().setLevel(logging.ERROR)
    for name in ("apache_beam", "absl", "tensorflow_transform", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def _native_stderr_closed() -> Iterator[None]:
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
