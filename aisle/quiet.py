"""Import TensorFlow without what its native code writes to standard error, and without delay."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import warnings
from collections.abc import Iterator

# Keras loads these, where they are installed, for wrappers and pictures that Aisle does not use.
_WRAPPED_BY_KERAS = ("sklearn", "matplotlib")
# What TensorFlow's own old Keras and its search for cloud TPUs load, where it is installed.
_OF_NO_USE_WITHOUT_KERAS = ("keras", "scipy", "h5py", "googleapiclient", "oauth2client")
_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "NONE",
    # Arrow's own pool keeps what was freed: half a gigabyte on three million records.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    # Some virtual machines say that they have AMX, and end a process that uses it (bfloat16).
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE_FP16",
}
# A million objects live as long as the process. Python's collector would go through them again
# for every 700 new ones: a tenth of the time of preprocessing.
_OBJECTS_BETWEEN_COLLECTIONS = 200_000


def set_environment() -> None:
    """Set what native libraries read when they are loaded, where the user did not set it.

    And how often Python looks for garbage, before much is loaded.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 5, 5)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def import_tensorflow(*, with_keras: bool = True) -> None:
    """Load TensorFlow and look for devices; real errors are exceptions and come through.

    TensorFlow loads Keras at once; without it, it is loaded when something first asks for it.
    """
    first = "tensorflow" not in sys.modules
    set_environment()
    warnings.filterwarnings("ignore")
    logging.getLogger().setLevel(logging.ERROR)
    hidden = _WRAPPED_BY_KERAS if with_keras else (*_WRAPPED_BY_KERAS, *_OF_NO_USE_WITHOUT_KERAS)
    with native_stderr_closed(), _hidden(hidden):
        import tensorflow as tf

        if with_keras:  # not at once, where TensorFlow was loaded without it before
            import keras  # noqa: F401
        tf.config.list_physical_devices("GPU")
    if first:  # what a command leaves behind for the next one must not be kept for ever
        gc.freeze()
    tf.get_logger().setLevel(logging.ERROR)
    for name in ("apache_beam", "absl", "tensorflow_transform", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def _hidden(modules: tuple[str, ...]) -> Iterator[None]:
    """Let imports of these modules fail inside the block, unless they were loaded before."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: cannot be imported
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextlib.contextmanager
def native_stderr_closed() -> Iterator[None]:
    """Let what native code and child processes write to standard error go nowhere."""
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
