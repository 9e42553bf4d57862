"""Telling a company that is written about from a broker that writes."""

from __future__ import annotations

import re
from typing import Final

_BROKER: Final = re.compile(
    r"(?:证券|国泰海通|中信建投|中金公司|申万宏源|高盛|大摩|小摩|摩根大通|摩根士丹利|瑞银|花旗|美银|巴克莱|野村|德银|法巴银行|汇丰|里昂"
    r"|渣打|德意志银行|美国银行|荷兰国际集团"
    r"|goldman(?: sachs)?|morgan stanley|jp ?morgan|j\.p\. morgan|jefferies|barclays|citi(?:group)?|ubs"
    r"|deutsche bank|credit suisse|nomura|bank of america|bofa(?: securities)?|wells fargo|hsbc)$",
    re.IGNORECASE,
)
_SPEAKS: Final = re.compile(
    r"\s*(?:集团|公司|银行|证券|宏观|固收|非银|电子|国际)?(?:研报|研究|分析师|首席|策略|经济学家|认为|表示|指出|预计|预测|预期|称|维持|给予|上调|下调|将.{0,20}目标价|发布|发表|:|在.{0,12}报告"
    r"|(?:'s\s+)?(?:analysts?|says|said|upgrad|downgrad|rais|cut|lower|initiat|reiterat|maintain|sees|strategist|expects)"
    r"|(?:日前|最新|近日).{0,4}研报)",
    re.IGNORECASE,
)
_LONGEST_LEAD: Final = 40


def speaks_as_author(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` names a broker or bank as the source of an opinion on something else."""
    return (
        _BROKER.search(text, start, end) is not None
        and _SPEAKS.match(text, end, end + _LONGEST_LEAD) is not None
    )
