from __future__ import annotations

import pytest

from streams.adapters.language import FunctionWordDetector


@pytest.mark.parametrize(
    ("text", "hint", "language"),
    [
        ("$AAPL $TSLA $FB http://t.co/x", None, "en"),
        ("$AAPL $TSLA $FB http://t.co/x", "vi", "en"),
        ("Apple fell after the report", "es", "en"),
        ("Aumenta el precio de la leche en polvo en Cuba", None, "es"),
        ("Noticia: una bicicleta gana carrera", "es", "es"),
        ("Der Konzern hat die Prognose für das Jahr gesenkt", None, "de"),
        ("Le groupe ne prévoit pas de baisse pour les actionnaires", None, "fr"),
        ("贵州茅台发布公告", "en", "zh"),
        ("", None, "en"),
        ("", "zh", "en"),
    ],
)
def test_language(text, hint, language):
    assert FunctionWordDetector().detect(text, hint) == language
