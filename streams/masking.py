"""Secrets in texts that are about to be printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

CREDENTIALS = re.compile(r"//[^/@\s]*@")
MASK = "***"


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """The text without credentials in addresses, and without these secrets."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return CREDENTIALS.sub(f"//{MASK}@", text)
