"""Chinese news-flash labels (about two a text, region and kind) mapped onto one of the 20 canonical topics.

The rules are tried from the most specific to the least. Words decide where the labels are too coarse: `公司`
(company) stands for earnings, dividends, deals and more. Regions (中国, 外国, 国际) carry no topic.
Flashes that only say `新冠` (the epidemic) are general news.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """`slug` holds when one of `labels` is present (empty = any) and the pattern `words` occurs."""

    slug: str
    labels: tuple[str, ...] = ()
    words: str = ""


_COMPANY: Final = ("公司", "企业", "行业")
_CENTRAL_BANK: Final = (
    r"央行|美联储|联储|鲍威尔|欧洲央行|英国央行|日本央行|加息|降息|降准|逆回购|MLF|LPR|中期借贷便利|公开市场操作|存款准备金|拉加德|缩表|利率决议|"
    r"FOMC|联邦基金|货币政策"
)
RULES: Final[tuple[Rule, ...]] = (
    Rule("fed_central_banks", ("经济", "政策", "债券", "政治", "外汇", "大盘", "行业"), _CENTRAL_BANK),
    Rule("currencies", ("外汇", "汇率")),
    Rule("currencies", (), r"^.{0,12}(人民币(中间价|对美元|兑美元)|美元指数|在岸人民币|离岸人民币)"),
    Rule("treasuries_corporate_debt", ("债券", "转债")),
    Rule(
        "analyst_update",
        _COMPANY,
        r"评级|目标价|研报|上调至|下调至|首予|维持.{0,4}(买入|增持|持有)|高盛：|中金：|花旗：|大摩：|小摩：|瑞银：",
    ),
    Rule(
        "ipo",
        _COMPANY,
        r"IPO|首次公开发行|招股|上市申请|申购|过会|首发|挂牌上市|上市首日|赴港上市|科创板上市",
    ),
    Rule("dividend", _COMPANY, r"分红|派息|股息|每10股派|派发现金|利润分配|特别息|末期息|中期息"),
    Rule(
        "legal_regulation",
        _COMPANY,
        r"立案|处罚|罚款|诉讼|起诉|监管|调查|反垄断|违规|警示函|问询函|关注函|仲裁|法院|判决|被捕|刑事|证监会|约谈|和解",
    ),
    Rule(
        "personnel_change",
        _COMPANY,
        r"辞职|辞任|离职|任命|聘任|出任|接任|卸任|选举.{0,8}董事长|新任|履新|升任|裁员|免去",
    ),
    Rule(
        "earnings",
        _COMPANY,
        r"净利|净亏损|营收|业绩|财报|年报|季报|快报|每股收益|EPS|预增|预亏|扭亏|盈利预|盈喜|盈警|销售额同比|归母|预盈",
    ),
    Rule(
        "ma_investments",
        _COMPANY,
        r"收购|并购|合并|重组|入股|增资|融资|股权转让|转让.{0,10}股权|投资.{0,8}(亿|万)|定增|募资|战略投资|要约|私有化|设立.{0,6}(基金|合资)",
    ),
    Rule(
        "stock_movement",
        ("公司", "行业"),
        r"涨停|跌停|(盘前|盘后|开盘|股价).{0,12}(涨|跌)|涨超|跌超|大涨|大跌|走高|走低|拉升|跳水|闪崩|涨逾|跌逾|板块.{0,10}(涨|跌|强|弱|走)|异动|概念股",
    ),
    Rule("stock_movement", ("公司",), r"增持|减持|回购|解禁|质押"),
    Rule("energy_oil", ("能源",)),
    Rule(
        "energy_oil",
        (),
        r"原油|WTI|布伦特|布油|美油|OPEC|欧佩克|天然气|EIA|汽油|煤炭|动力煤|焦煤|焦炭|燃料油|液化气|油价",
    ),
    Rule(
        "gold_metals_materials",
        ("期货", "行业", "资源"),
        r"黄金|白银|金价|伦铜|沪铜|铜|铝|锌|镍|锡|铅|铁矿|螺纹|钢|锂|稀土|钯|铂|玻璃|PVC|甲醇|纯碱|橡胶|PTA|硅",
    ),
    Rule("gold_metals_materials", (), r"^.{0,10}(现货|COMEX|纽约)?(黄金|白银|期金|金价)"),
    Rule("markets", ("大盘", "中国大盘", "外国大盘")),
    Rule("financials", ("公司", "行业"), r"银行|保险|券商|信托|基金公司|不良贷款|保费|理财"),
    Rule("company_product_news", ("公司", "中国公司", "公司、", "企业")),
    Rule("currencies", ("虚拟货币", "虚拟火币")),
    Rule("politics", ("政治", "外国政治")),
    Rule("macro", ("经济", "经济新冠")),
    Rule("general_news_opinion", ("新冠",)),
    Rule(
        "legal_regulation",
        ("政策", "正政策"),
        r"监管|条例|办法|法规|处罚|规范|整治|反垄断|禁止|征求意见|证监会|银保监",
    ),
    Rule("macro", ("政策", "正政策", "房地产")),
    Rule("markets", ("期货",)),
    Rule("company_product_news", ("行业",), r"发布|推出|上线|产品|新车|量产|销量|交付"),
    Rule("general_news_opinion", ("行业", "新冠", "国际")),
)


def topic_of_flash(text: str, labels: str) -> str | None:
    """The canonical topic of a flash with its space-separated labels; None when no rule knows them."""
    present = frozenset(labels.split())
    for rule in RULES:
        if rule.labels and not present.intersection(rule.labels):
            continue
        if not rule.words or re.search(rule.words, text):
            return rule.slug
    return None
