"""HTML in titles is read as what it shows, and what only looks like it stays."""

from __future__ import annotations

import html

import pytest
import tensorflow as tf

from transforms.markup import plain_text


def shown(*texts: str) -> list[str]:
    return [text.decode() for text in plain_text(tf.constant(texts)).numpy()]


@pytest.mark.parametrize(
    "text",
    [
        "K&uuml;hlschrank &Uuml;BER &szlig; &eacute;&Eacute;&ntilde;&#228;",
        "Tom&nbsp;&amp;&nbsp;Jerry &quot;12&quot; &lt;5&gt; &euro;3 &copy;&reg;&trade;",
        "A&#39;s A&#x27;s A&#X2019;s &#8217; &#x00e4; &#xE4; &#8364; &#44; &#12354;&#128512;",
        "&ndash;&mdash;&hellip;&bull;&frac12;&times;&deg;&apos;&alpha;&Omega;&infin;",
        "&#150;&#146;",
    ],
)
def test_entities_are_what_browsers_show(text: str) -> None:
    assert shown(text) == [html.unescape(text)]


def test_what_was_escaped_twice_and_what_stands_in_capitals() -> None:
    assert shown("M&amp;uuml;ller &amp;amp; Co", "M&UUML;LLER &AMP; CO") == [
        "Müller & Co",
        "MÜLLER & CO",
    ]


def test_tags_part_words() -> None:
    assert shown(
        "<b>New</b> lamp<br/>red", '<SPAN class="a b">x</SPAN>', "&lt;i&gt;x&lt;/i&gt;"
    ) == [
        " New  lamp red",
        " x ",
        " x ",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "R&D; AT&T;",
        "Black & Decker",
        "5 < 6 > 4",
        "<3 hearts",
        "a;b &; c",
        "&unknown;",
        "<brand>",
        "",
    ],
)
def test_what_is_no_html_stays(text: str) -> None:
    assert shown(text) == [text]


def test_other_rows_of_a_batch_stay_as_they_are() -> None:
    assert shown("plain \x1e text", "K&ouml;ln \x1e x", "last") == [
        "plain \x1e text",
        "Köln   x",
        "last",
    ]


def test_characters_that_are_none_do_no_harm() -> None:
    assert shown("&#55296;", "&#10;", "&#0;") == ["\ufffd", "\n", " "]
