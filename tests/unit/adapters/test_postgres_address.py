"""What is said of an address that libpq does not understand."""

import pytest

from streams.adapters.postgres.connection import checked
from streams.errors import Misconfigured


@pytest.mark.parametrize(
    "url",
    [
        "notaurl",
        "postgresql+asyncpg://u:sekret@127.0.0.1:1/x",
        "u:sekret@127.0.0.1/x",
        "postgres:/u:sekret@127.0.0.1/x",
        "postgresql://u:sek ret@127.0.0.1/x",
        "postgresql://u:sekret@127.0.0.1/x?foo=bar",
    ],
)
def test_an_address_of_another_form_is_refused_without_its_password(url):
    with pytest.raises(Misconfigured) as told:
        checked(url)
    assert "SENTIWATCH_POSTGRES__URL" in str(told.value)
    assert "sek" not in str(told.value)
    assert told.value.__cause__ is None


def test_the_driver_may_be_named():
    assert checked("postgresql+psycopg://u@h/d") == "postgresql://u@h/d"
