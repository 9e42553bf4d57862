"""Text that was never checked, made fit to be shown: no secrets, no authors, nothing a terminal would obey.

Masking looks for forms, so it can miss a secret of no known form; it is for what operators see, never a reason to keep a text.
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

_GUARDED: Final = (
    r"[\w-]{0,30}(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|authorization|cookie|credential|private[_-]?key"
    r"|access[_-]?key|signature)[\w-]{0,30}"
)
_AUTHOR_NAME: Final = (
    r"author|author_id|byline|by|user|username|user_name|screen_name|handle|creator|dc:creator"
    r"|full_name|email|name"
)
_VALUE: Final = r'"(?:[^"\\]|\\.)*"?'
_RULES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # JSON members, then XML elements, then name=value and headers
        (rf'("(?:{_GUARDED}|{_AUTHOR_NAME})"\s*:\s*){_VALUE}', rf'\1"{MASK}"'),
        (rf'("(?:{_GUARDED}|{_AUTHOR_NAME})"\s*:\s*)(?=[^\s"\[{{])[^,}}\]\s]+', rf"\1{MASK}"),
        (rf"(<(?:{_GUARDED}|{_AUTHOR_NAME})(?:\s[^<>]*)?>)[^<]+", rf"\1{MASK}"),
        (r"\b(bearer|basic|digest)\s+[\w.~+/=-]{6,}", rf"\1 {MASK}"),
        (rf"\b({_GUARDED})(\s*[=:]\s*)[^\s&,;\"'<>]+", rf"\1\2{MASK}"),
        (r"\b(\w{1,20}://)[^/\s@\"'<>]+@", rf"\1{MASK}@"),
        # tokens of known make: JWT, AWS, GitHub, Slack, Google, Stripe; PEM blocks; long runs of hex or base64
        (r"\beyJ[\w-]{8,2000}\.[\w-]{8,2000}(?:\.[\w-]{0,2000})?", MASK),
        (r"\b(?:AKIA|ASIA)[0-9A-Z]{12,}|\bgh[opsur]_\w{20,}|\bxox[a-z]-[\w-]{10,}|\bAIza[\w-]{30,}|\bsk[_-]\w{16,}", MASK),
        (r"-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|\Z)", MASK),
        (r"\b[0-9a-f]{32,}\b", MASK),
        (r"(?<![\w/+])(?=[\w+/]*[0-9])(?=[\w+/]*[A-Z])[A-Za-z0-9+/]{40,}={0,2}", MASK),
        (r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+", MASK),
        (r"(?<![\w@])@\w{1,50}", f"@{MASK}"),
    )
)  # fmt: skip


def masked(text: str) -> str:
    """The text without what looks like a secret, a handle or an address; the rest stays as it is."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def printable(text: str) -> str:
    """Control, bidirectional and other invisible characters written out, so that they do nothing; line breaks stay."""
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1]
        for character in text
    )
