"""Text in one form, by Python's own normalisation of Unicode: what Aisle's graph must give."""

from __future__ import annotations

import unicodedata

_FORMS = ("<wide>", "<narrow>", "<font>", "<initial>", "<medial>", "<final>", "<isolated>")
_JOINED = range(0xFB00, 0xFB18)  # Latin and Armenian ligatures


def one_form_of(text: str) -> str:
    """Return NFC, of the forms that are replaced NFKC."""
    if text.isascii():
        return text
    written = "".join(
        unicodedata.normalize("NFKC", c)
        if ord(c) in _JOINED or unicodedata.decomposition(c).startswith(_FORMS)
        else c
        for c in text
    )
    return unicodedata.normalize("NFC", written)


def lower_of(text: str) -> str:
    """Return it in lower case; the four i of Turkish are one."""
    return one_form_of(text).lower().replace("i\u0307", "i").replace("\u0131", "i")
