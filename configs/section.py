"""What every section of the settings shares."""

import codecs
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
_MOST_SHARDS = 100_000
Shards = Annotated[int, Field(ge=1, le=_MOST_SHARDS)]
Positive = Annotated[float, Field(gt=0.0)]
NamedLevel = Literal["main", "sub", "subsub", "bottom"]
Level = Literal["main", "sub", "subsub", "bottom", "full"]


class Section(BaseModel):
    """A frozen part of the settings; a key that is not declared is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def enough_shards(size: int, least: int, at_most: int) -> int:
    """Return `least`, doubled until a shard comes from `at_most` bytes of so many, or fewer."""
    wanted = -(-size // (least * at_most))
    return min(least << max(0, wanted - 1).bit_length(), _MOST_SHARDS)


def check_encoding(name: str) -> str:
    """Return Python's name of a text encoding; raise `ValueError` for what is none."""
    try:
        "".encode(name)  # unlike a look-up it refuses what turns no text into bytes: base64
        codecs.lookup(name).decode(b"", "surrogateescape")  # refuses idna, which bears no fault
        return codecs.lookup(name).name
    except (LookupError, UnicodeError):
        raise ValueError(f"no such encoding: {name!r}; for example utf-8 or latin-1") from None


def check_delimiter(text: str) -> str:
    """Return what stands between columns; raise `ValueError` for what cannot stand there."""
    if len(text) != 1:
        hint = '; a tab is written "\\t", in double quotes' if text == r"\t" else ""
        raise ValueError(f"expected one character, got {text!r}{hint}")
    if text in '"\r\n\0':
        raise ValueError(f"{text!r} cannot part columns; expected a character such as , ; or |")
    return text


def check_pattern(pattern: str, replacement: str = "") -> str:
    """Return an RE2 pattern; raise `ValueError` if it, or what stands for it, is not valid.

    Arrow's RE2 is asked, TensorFlow's takes the same. Where only the settings are read (the
    scheduler's own environment) Arrow may be missing: there nothing is checked.
    """
    try:
        import pyarrow as pa
        import pyarrow.compute as pc
    except ImportError:
        return pattern
    try:
        pc.replace_substring_regex(pa.array([""]), pattern=pattern, replacement=replacement)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{pattern!r} is not an RE2 pattern: {error}") from None
    return pattern


Delimiter = Annotated[str, AfterValidator(check_delimiter)]
Encoding = Annotated[str, AfterValidator(check_encoding)]
Pattern = Annotated[str, AfterValidator(check_pattern)]
