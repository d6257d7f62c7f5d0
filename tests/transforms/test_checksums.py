"""The CRC of two values together is that of their bytes together."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
from google_crc32c import value as crc32c

from transforms.checksums import Endings, crc_of_each


def test_the_crc_of_a_value_with_an_ending_is_that_of_both() -> None:
    chance = random.Random(3)
    values = [chance.randbytes(chance.randrange(200)) for _ in range(300)]
    endings = [b"", b"\0", b"\0\0", *(chance.randbytes(chance.randrange(90)) for _ in range(40))]
    place = np.array([chance.randrange(len(endings)) for _ in values])
    of_each = crc_of_each(pa.array(values, pa.large_binary()))
    found = Endings(pa.array(endings, pa.large_binary())).crc_behind(of_each, place)
    both = [value + endings[at] for value, at in zip(values, place.tolist(), strict=True)]
    assert found.tolist() == [crc32c(whole) for whole in both]


def test_no_values_have_no_crc() -> None:
    nothing = pa.array([], pa.large_binary())
    assert crc_of_each(nothing).tolist() == []
    assert Endings(nothing).crc_behind(np.array([], np.uint32), np.array([], int)).tolist() == []
