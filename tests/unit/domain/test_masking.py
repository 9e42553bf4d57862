import pytest

from streams.domain.masking import masked, printable


@pytest.mark.parametrize(
    "text",
    [
        '{"password": "hunter2SECRET"}',
        '{"api_key":"SECRET","x":1}',
        '{"x-access-token" : "SECRET\\"still"}',
        '{"token":SECRET}',
        "Authorization: Bearer SECRET.abc-def",
        "authorization=SECRETabc",
        "https://user:SECRET@host/path",
        "https://host/path?access_token=SECRET&x=1",
        "password: SECRET",
        "<apiKey>SECRET</apiKey>",
        '{"password":"SECRET',
        '{"author":"SECRET"}',
        '{"author_id": 770011SECRET}',
        '{"user":{"username":"SECRET"}}',
        "<dc:creator>SECRET</dc:creator>",
        "RT @SECRET: shares fall",
        "write to SECRET@example.com",
        "eyJSECRETabcdefg.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2",
        "AKIASECRETAAAAAAAAAAA",  # pragma: allowlist secret
        "ghp_SECRETabcdefghijklmnopqrstuv",
        "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----",  # pragma: allowlist secret
        "-----BEGIN PRIVATE KEY-----\nSECRET",  # pragma: allowlist secret
    ],
)
def test_secrets_and_authors_are_not_shown(text):
    assert "SECRET" in text
    assert "SECRET" not in masked(text)


def test_the_rest_stays_readable():
    text = '{"version":"document.v1","id":"a-1","source":"wire","title":"$ACME falls 5% at 09:30, 600519.SH too","n":[1,2]}'
    assert masked(text) == text


def test_masking_takes_no_time_on_hostile_text():
    for text in (
        '"token":' * 8_000,
        "password" * 8_000,
        "-----BEGIN A-----" * 4_000,
        "a@" * 30_000,
        "A0" * 32_000,
    ):
        masked(text)


def test_a_terminal_obeys_nothing_of_it():
    shown = printable("a\x1b[31mb\u202ec\u200bd\ne\x07\u2028")
    assert shown == "a\\x1b[31mb\\u202ec\\u200bd\ne\\x07\\u2028"
    assert printable("阿克米 🚀 é") == "阿克米 🚀 é"
