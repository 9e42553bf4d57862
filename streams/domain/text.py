"""Text as it is shown and scored, and text as it is compared.

`normalise` gives the one form that is stored, shown and sent to the models. `signature_text` throws away what
differs between copies of a story: addresses, repost prefixes, datelines, trailing tags, a named source.
"""

from __future__ import annotations

import html
import re
import unicodedata
from hashlib import blake2b

TEXT_HASH_BYTES = 16
_UNESCAPE_PASSES = 4
_SIGNATURE_CHARACTERS = 4000
"""A copy repeats the beginning; comparing more than this only costs time on a megabyte of text."""

URL_PATTERN = re.compile(
    r"(?:https?://|www\.|\bpic\.twitter\.com/)[^\s\u2e80-\u9fff\u3000-\u303f()<>\"]*", re.IGNORECASE
)
_TRUNCATED_URL = re.compile(r"\bhttps?:?/?/?\s*(?:…|\.\.\.|$)", re.IGNORECASE)
# Cc, Cf and Cs: controls, zero-width and bidirectional marks, lone surrogates; whitespace is kept.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_SPACES = re.compile(r"\s+")
_REPOST = re.compile(r"^\s*(?:(?:RT|MT|QT)\s+@?\w+\s*:?|via\s+@\w+\s*:)\s*", re.IGNORECASE)
_ALARM = re.compile(
    r"^\W*(?:(?:breaking(?:\s+news)?|just\s+in|developing|exclusive|flash|alert|update(?:\s+\d+)?)\s*[:\-|!]+"
    r"|(?:快讯|突发|重磅|最新|独家|更新)\s*[:!|丨]+)\s*",
    re.IGNORECASE,
)
_TRAILING_TAGS = re.compile(r"(?:\s*(?:#\w+|@\w+|via|…))+\s*$", re.IGNORECASE)
_MAY_BE_TAGS = re.compile(r"[#@]|via\s*$", re.IGNORECASE)
_DATELINE = re.compile(r"[\u4e00-\u9fff]{2,8}?\d{1,2}月\d{1,2}日(?:电|讯|消息)[,:，]?")
_NAMED_SOURCE = re.compile(r"\s*[(（][^()（）]{2,14}[)）]\s*$")


def normalise(text: str) -> str:
    """NFKC, HTML entities unescaped, invisible characters removed, whitespace collapsed; idempotent."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return " ".join(text.split())  # nothing to fold, nothing invisible
    for _ in range(_UNESCAPE_PASSES):
        folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
        unescaped = html.unescape(folded) if "&" in folded else folded
        if unescaped == text:
            break
        text = unescaped
    return _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip()


def text_hash(text: str) -> bytes:
    """BLAKE2b-128 of the UTF-8 text: the key of scores and the identity of content."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=TEXT_HASH_BYTES).digest()


def without_urls(text: str) -> str:
    """The text with addresses, whole or cut off by a length limit, blanked out."""
    if "http" not in text and "www." not in text and "pic.twitter" not in text:
        return text
    return _TRUNCATED_URL.sub(" ", URL_PATTERN.sub(" ", text))


def blank_urls(text: str) -> str:
    """The text with addresses overwritten by spaces: offsets stay what they are."""
    if "http" not in text and "www." not in text and "pic.twitter" not in text:
        return text
    return URL_PATTERN.sub(lambda match: " " * len(match[0]), text)


def signature_text(title: str, body: str) -> str:
    """What copies of one story have in common, in lower case, for `title` and `body` already normalised.

    Cashtags and inner hashtags stay as words: templates that differ in nothing but the symbol are different
    stories. A repeated title (Chinese flashes put it into 【】) changes no set of shingles worth mentioning.
    """
    return " ".join(part for part in (_strip_packaging(title), _strip_packaging(body)) if part)


def _strip_packaging(text: str) -> str:
    text = without_urls(text[:_SIGNATURE_CHARACTERS]).strip()
    for _ in range(3):
        stripped = _without_head(_ALARM, _without_head(_REPOST, text))
        if stripped == text:
            break
        text = stripped
    if "月" in text:
        text = _DATELINE.sub("", text, count=1)
    if not text.isascii() or _MAY_BE_TAGS.search(text):
        text = _TRAILING_TAGS.sub("", text)
    if text.rstrip().endswith((")", "）")):
        text = _NAMED_SOURCE.sub("", text)
    return text.lower().strip()


def _without_head(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text)
    return text[match.end() :] if match else text


def is_han(character: str) -> bool:
    """Whether the character is a Chinese ideograph."""
    return "\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf"


_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")
_OTHER_SCRIPT = re.compile(
    r"[\u0370-\u03ff\u0400-\u04ff\u0530-\u05ff\u0600-\u06ff\u0900-\u0dff\u0e00-\u0e7f]"
)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_ZH_SHARE = 0.15
"""A Chinese flash full of English names still has this share of ideographs among its letters."""


def han_share(text: str) -> float:
    """Ideographs per letter of any script, 0 to 1."""
    han = len(_HAN.findall(text))
    letters = han + len(_LATIN.findall(text)) + len(_KANA.findall(text)) + len(_HANGUL.findall(text))
    return han / letters if letters else 0.0


def language_by_script(text: str) -> str | None:
    """`zh`, `ja`, `ko` or `other` where the script alone decides; None for Latin script or no letters."""
    if text.isascii():
        return None
    sample = text[:2000]
    kana, hangul = len(_KANA.findall(sample)), len(_HANGUL.findall(sample))
    han, latin = len(_HAN.findall(sample)), len(_LATIN.findall(sample))
    if kana * 5 > han + kana and kana > latin // 4:
        return "ja"
    if hangul > han and hangul > latin // 4:
        return "ko"
    if han and han >= _ZH_SHARE * (han + latin):
        return "zh"
    return "other" if len(_OTHER_SCRIPT.findall(sample)) > latin else None
