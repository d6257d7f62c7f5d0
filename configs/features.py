"""What the models see of a title: how it is cleaned, cut into words, and turned into ids."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from configs.categories import Replacement, check_patterns
from configs.columns import ColumnFeatures, check_outputs
from configs.section import Count, Pattern, Section

_CHARACTER_SIZES, _SMALL_INPUT = (3, 4, 5), 8 << 20


class TextSettings(Section):
    """Cleaning: lower case, then `replace` (RE2 patterns), trim, single letters, spaces.

    Before all that `html` writes entities and tags as what they show: `&uuml;` as `ü`, `<br>` as a
    space. Then `normalize` writes each character in one form, where Unicode has several: a letter
    and its accent, wide and narrow ones of Chinese and Japanese, joined or bold letters.
    """

    html: bool = True
    normalize: bool = True
    lower_case: bool = True
    replace: list[Replacement] = Field(
        default_factory=lambda: [
            Replacement(find=r"[|/]", replace=" "),
            Replacement(find=" - ", replace=", "),
            Replacement(find="-", replace=" "),
            Replacement(find='"', replace=""),
        ]
    )
    drop_single_letters: bool = True

    @field_validator("replace")
    @classmethod
    def _patterns_compile(cls, value: list[Replacement]) -> list[Replacement]:
        return check_patterns(value)


class TokenSettings(Section):
    """Token ids: 0 pads, 1 is any token outside the vocabulary, the rest by falling frequency.

    Before the text is split at white space, what matches the RE2 pattern `strip` is removed
    (apostrophes, and what is not seen: soft hyphens, joiners, marks of direction), and what matches
    `separate` becomes a space: whatever is no letter, digit or mark in any script.

    `vocabulary` is a file with a token a line, as an earlier run has it in
    `transform_fn/transform_fn/assets/tokens`: its tokens keep their ids, whatever is frequent now.
    """

    vocabulary_size: Annotated[int, Field(ge=3)] = 20_000
    vocabulary: Annotated[str, Field(min_length=1)] | None = None
    length: Count = 31
    strip: Pattern = "['\u2019`\u00ad\u200c-\u200f\u2060\ufeff]"
    separate: Pattern = r"[^\pL\pN\pM ]+"


class NgramSettings(Section):
    """Hashed word n-grams of `sizes` in `buckets` buckets, one id per n-gram, repeats kept.

    `character_sizes` adds those of the characters of each word, its edges among them; none: 3 to 5
    for an input of up to 8 MiB, and no size for a larger one.
    """

    sizes: list[Annotated[int, Field(ge=1, le=5)]] = Field(default=[1, 2], min_length=1)
    character_sizes: list[Annotated[int, Field(ge=2, le=8)]] | None = None
    buckets: Annotated[int, Field(ge=2, le=1 << 26)] = 16_777_216

    def of_input(self, size: int) -> NgramSettings:
        """Return the settings for an input of so many bytes, with nothing left open."""
        if self.character_sizes is not None:
            return self
        chosen = _CHARACTER_SIZES if size <= _SMALL_INPUT else ()
        return self.model_copy(update={"character_sizes": list(chosen)})


class FeatureSettings(Section):
    """What the models see of a title, and of further columns of its first record."""

    tokens: TokenSettings = TokenSettings()
    ngrams: NgramSettings = NgramSettings()
    columns: Annotated[ColumnFeatures, AfterValidator(check_outputs)] = Field(default_factory=dict)
