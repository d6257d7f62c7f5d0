"""Tell in which encoding bytes are written that are no UTF-8.

Of the pages for Latin letters each decodes what is written in another, to other letters: the page
is taken in which the letters are those of one language.
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections import Counter
from collections.abc import Sequence

from charset_normalizer import from_bytes

from pipelines.text_files import MARKS

# The letters beside a to z of some languages, and their pages: where two fit, the first is taken.
_GERMAN, _FRENCH, _SPANISH = "äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúüçàèïòªº"
_PORTUGUESE, _NORDIC = "ãáàâçéêíóôõúªº", "åäöéüæøàèó"
_POLISH, _CZECH, _HUNGARIAN = "ąćęłńóśźż", "áčďéěíňóřšťúůýžäľĺŕôö", "áéíóöőúüű"
_LATIN = (
    *(("cp1252", letters) for letters in (_GERMAN, _FRENCH, _SPANISH, _PORTUGUESE, _NORDIC)),
    *(("cp1252", letters) for letters in ("àèéìíòóù", "ëéïöüèêáóí")),
    *(("cp1250", letters) for letters in (_POLISH, _CZECH, _HUNGARIAN, "ăâîşţșț", "čćđšž")),
    *(("iso8859_2", letters) for letters in (_POLISH, _CZECH)),
    ("cp1254", "çğıöşüâîûİ"),
    *(("cp1257", letters) for letters in ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")),
    ("cp1252", "áðéíóúýþæö"),
    *(("cp852", letters) for letters in (_POLISH, _CZECH, _HUNGARIAN)),
    *(("cp850", letters) for letters in (_GERMAN, _FRENCH, _SPANISH, _PORTUGUESE, _NORDIC)),
    *(("mac_roman", letters) for letters in (_GERMAN, _FRENCH, _SPANISH)),
)
# The letters that are most used, in capitals or not, of other scripts.
_OTHERS = {
    "cp1251": "оеаинтсрвлкі",
    "koi8_r": "оеаинтсрвлк",
    "cp866": "оеаинтсрвлкі",
    "cp1253": "αάοόιίεέτσνηήρπ",
    "cp1255": "יוהלאתרשמבם",
    "cp1256": "اليمونرتبةهع",
}
_OF_DOS = ("cp852", "cp850", "mac_roman")
_BESIDE_LETTERS = re.compile(r"(?<=[A-Za-z])[^\W\x00-\x7f]|[^\W\x00-\x7f](?=[A-Za-z])")
_INSIDE_WORDS = re.compile(r"(?<=[A-Za-z])[^\w\s\x00-\x7f’](?=[A-Za-z])")
_LEAST_FIT, _SURE_FIT = 0.5, 0.95  # surer than the guess of an encoding of East Asia
_LEAST_SHARE, _SURE_SHARE = 0.4, 0.6
_BROKEN = 0.05  # of the bytes of letters beside ASCII
_PLAIN = re.compile(rb"[A-Za-z]")
_UTF_16 = ((1, "utf-16-le"), (0, "utf-16-be"))
_MANY_ZEROS = 8  # in UTF-16 every second byte of Latin text; one in so many is enough


def encoding_of(starts: Sequence[bytes]) -> str:
    """Return the encoding of files by their first bytes; a mark of byte order says it anyway.

    Of UTF-8 beside another it is the other: who reads the files tells UTF-8 by its bytes.
    """
    unmarked = [start for start in starts if not start.startswith(MARKS)]
    for parity, name in _UTF_16:  # first: with plain letters alone it is UTF-8 as well, with NULs
        zeros, others = (sum(s[p::2].count(0) for s in unmarked) for p in (parity, 1 - parity))
        if zeros > max(sum(map(len, unmarked)) // _MANY_ZEROS, 2 * others):
            return name
    if all(map(_is_utf8, unmarked)):
        return "utf-8"
    odd = b"\n".join(start for start in unmarked if not _is_utf8(start))
    best = from_bytes(odd).best()
    return _surer_page(odd, codecs.lookup(best.encoding).name if best else "latin-1")


def _surer_page(content: bytes, guess: str) -> str:
    """Return the page whose letters fit, or what was guessed where none does."""
    several = len(content.decode(guess, "replace")) < len(content)  # bytes a character
    if len(_PLAIN.findall(content)) <= sum(byte > 127 for byte in content):
        found = [(_share_of_most_used(content, page), page) for page in _OTHERS]
        least = _SURE_SHARE if several else _LEAST_SHARE
    else:
        found = [(_fit(content, page, letters), page) for page, letters in _LATIN]
        least = _SURE_FIT if several else _LEAST_FIT
    fit, page = max(found, key=lambda each: each[0])
    return page if fit >= least and not (several and page in _OF_DOS) else guess


def _is_utf8(start: bytes) -> bool:
    """Tell whether bytes are UTF-8, but for some that are broken; the last character may be cut."""
    decode = codecs.getincrementaldecoder("utf-8")
    with contextlib.suppress(UnicodeDecodeError):
        decode().decode(start)
        return True
    text = decode("replace").decode(start)
    beside_ascii = len(start) - len(text.encode("ascii", "ignore"))
    return text.count("\ufffd") < _BROKEN * beside_ascii


def _fit(content: bytes, page: str, alphabet: str) -> float:
    """Return which share of the letters is a language's; 0 for bytes that the page lacks."""
    try:
        text = content.decode(page)
    except UnicodeDecodeError:
        return 0.0
    letters = Counter(_BESIDE_LETTERS.findall(text))
    total = sum(letters.values()) + len(_INSIDE_WORDS.findall(text))
    every = {*alphabet, *alphabet.upper()}
    return sum(count for letter, count in letters.items() if letter in every) / max(1, total)


def _share_of_most_used(content: bytes, page: str) -> float:
    """Return which share of what is not ASCII are most used letters; a capital counts half.

    Russian of one page read in another is of other letters, and of capitals where it has none.
    """
    try:
        text = content.decode(page)
    except UnicodeDecodeError:
        return 0.0
    characters = [character for character in text if not character.isascii()]
    small = sum(character in _OTHERS[page] for character in characters)
    both = sum(character.lower() in _OTHERS[page] for character in characters)
    return (small + both) / (2 * max(1, len(characters)))
