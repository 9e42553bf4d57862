import pytest

from streams.domain.label import TOPIC_SLUGS, TOPICS, slug_of_label
from streams.models.topics_zh import RULES, topic_of_flash


@pytest.mark.parametrize(
    ("label", "slug"),
    [
        ("Company & Product News", "company_product_news"),
        ("M&A & Investments", "ma_investments"),
        ("Gold, Metals & Materials", "gold_metals_materials"),
        ("Fed & Central Banks", "fed_central_banks"),
        ("IPO", "ipo"),
        ("ma_investments", "ma_investments"),
    ],
)
def test_titles_and_slugs_both_become_the_slug(label, slug):
    assert slug_of_label(label) == slug


def test_there_are_twenty_topics_in_alphabetical_order_each_with_an_iptc_code():
    assert len(TOPICS) == 20
    assert list(TOPIC_SLUGS) == sorted(set(TOPIC_SLUGS))
    assert all(topic.iptc.startswith("medtop:") and topic.iptc[7:].isdigit() for topic in TOPICS)


def test_every_rule_leads_to_a_canonical_topic():
    assert {rule.slug for rule in RULES} <= set(TOPIC_SLUGS)


@pytest.mark.parametrize(
    ("text", "labels", "slug"),
    [
        ("远山药业：上半年净利润同比增长12%", "中国 公司", "earnings"),
        ("远山药业：董事长辞职", "中国 公司", "personnel_change"),
        ("远山药业：拟每10股派3元", "中国 公司", "dividend"),
        ("远山药业被立案调查", "中国 公司", "legal_regulation"),
        ("远山药业拟收购同业公司", "中国 公司", "ma_investments"),
        ("远山药业发布新产品", "中国 公司", "company_product_news"),
        ("欧元兑美元涨0.5%", "外国 外汇", "currencies"),
        ("10年期国债收益率升至1.6%", "外国 债券", "treasuries_corporate_debt"),
        ("美联储加息25个基点", "外国 经济", "fed_central_banks"),
        ("出口同比下降3%", "中国 经济", "macro"),
        ("恒生指数收盘下跌2%", "中国 大盘", "markets"),
        ("输油管道完工", "外国 能源", "energy_oil"),
        ("总统会见外长", "外国 政治", "politics"),
        ("新增确诊病例2000例", "外国 新冠", "general_news_opinion"),
    ],
)
def test_flash_labels_are_refined_by_words(text, labels, slug):
    assert topic_of_flash(text, labels) == slug


def test_a_flash_with_unknown_labels_only_has_no_topic():
    assert topic_of_flash("天气晴朗", "中国 费劲") is None
