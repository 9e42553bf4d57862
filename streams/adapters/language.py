"""Language of a document: by script where that decides, else by function words.

Statistical detectors were measured first: py3langid holds 75 MB (the worker's budget is 400) and takes a
post of cashtags for Slovak or Vietnamese. What matters here is to tell English from the rest without losing
short English posts, so anything undecided is the default.
"""

from __future__ import annotations

import re

from streams.domain.text import language_by_script, without_urls

_FUNCTION_WORDS = {
    "en": "the of and to in for is on with that at from by as are this will be has its after was it you"
    " not new up but how why what than more about says over into their our your we have here can"
    " now could should if or just",
    "es": "el la los las de del que en y un una por para con se su al lo como más pero sus está es son"
    " no ya sin sobre entre cuando muy también hasta desde nos porque esta este yo si ser mi te le",
    "pt": "o os as de do da dos das que em e um uma por para com se seu sua ao na no não mais mas como"
    " foi são é pelo pela já está ou também muito nos isso",
    "fr": "le la les de des du que en et un une pour avec se sa ses au aux dans ne pas plus par sur est"
    " sont mais ce cette qui ou il elle nous vous leur comme à",
    "de": "der die das den dem des und in zu mit ein eine einen ist nicht auf für von im sich auch als"
    " an nach bei aus wird werden sind oder aber hat noch wie über um zum zur",
    "it": "il lo la gli le di del della dei che in e un una per con si su al non più ma come sono è"
    " anche nel alla da dal questo ha o",
    "nl": "de het een van en in op te dat die is voor met niet aan zijn er om ook als bij naar uit door"
    " over maar wat nog wel geen ik je",
    "id": "yang dan di ke dari untuk dengan ini itu pada tidak akan adalah juga dalam sudah ada bisa"
    " kita atau saya",
    "tr": "ve bir bu için ile da de çok daha gibi ama olan olarak ne mi kadar en sonra var yok",
}
_BY_WORD: dict[str, tuple[str, ...]] = {}
for _language, _listed in _FUNCTION_WORDS.items():
    for _word in _listed.split():
        _BY_WORD[_word] = (*_BY_WORD.get(_word, ()), _language)

_MARKS = re.compile(r"[$@#]\w+|\d+|\bRT\b")
_WORDS = re.compile(r"[a-z\u00c0-\u024f]+")
_ENOUGH = 3
_SAMPLE_CHARACTERS = 1000


class FunctionWordDetector:
    """Detects the language of a text; stateless."""

    def __init__(self, default: str = "en") -> None:
        self._default = default

    def detect(self, text: str, hint: str | None = None) -> str:
        """ISO 639-1 code, or `other` for scripts that are not told apart.

        `hint` is what the source says. Sources guess too (Twitter calls one cashtag post in ten Spanish or
        Indonesian), so one function word must speak for it; otherwise three must, and more than for English.
        """
        by_script = language_by_script(text)
        if by_script is not None:
            return by_script
        scores = dict.fromkeys(_FUNCTION_WORDS, 0)
        sample = _MARKS.sub(" ", without_urls(text[:_SAMPLE_CHARACTERS])).lower()
        for word in set(_WORDS.findall(sample)):
            for language in _BY_WORD.get(word, ()):
                scores[language] += 1
        hinted = _primary(hint)
        best = max(
            scores, key=lambda language: (scores[language], language == hinted, language == self._default)
        )
        needed = 1 if best == hinted else _ENOUGH
        return best if scores[best] >= needed and scores[best] > scores["en"] else self._default


def _primary(hint: str | None) -> str:
    """`en` of `en-US`; empty for no hint."""
    return (hint or "").strip().lower().replace("_", "-").split("-")[0]
