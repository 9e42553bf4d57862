from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner

from streams.cli.local import app
from streams.errors import Misconfigured, Unavailable
from streams.local.addresses import Addresses, read_addresses
from streams.local.launcher import ALL, LocalParts
from streams.settings import load_settings
from tests.traces import listening_ports, traces_of

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Brings a copy up, as the command does.
LAUNCHER = """
import sys
from pathlib import Path
from streams.local.launcher import LocalParts
LocalParts(Path(sys.argv[1]), models=Path(sys.argv[2])).up()
"""


def ports(copy: LocalParts) -> set[int]:
    return {port for part in ALL for port in copy.store.read(part).ports.values()}


def wait_until(claim: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_parts_come_up_ready_and_go_down_without_a_trace(copy: LocalParts) -> None:
    addresses = copy.up()
    assert all(getattr(addresses, field.name) for field in fields(addresses))
    assert read_addresses(copy.layout.root) == addresses
    assert all(part.ready for part in copy.status().values())
    listened = ports(copy)
    assert listened <= listening_ports()

    copy.down()
    assert traces_of(copy.layout.root) == []
    assert not listened & listening_ports()
    assert list(Path("/dev/shm").glob(f"*{copy.layout.short_name}*")) == []  # noqa: S108 - shared memory
    assert read_addresses(copy.layout.root) is None
    assert not any(part.ready for part in copy.status().values())


def test_everything_listens_on_loopback_only(standing: LocalParts) -> None:
    local = {"0100007F", "0000000000000000FFFF00000100007F"}
    for table in ("tcp", "tcp6"):
        for row in Path("/proc/net", table).read_text().splitlines()[1:]:
            address, _, port = row.split()[1].rpartition(":")
            assert int(port, 16) not in ports(standing) or address in local or row.split()[3] != "0A"


def test_killed_parts_come_back_on_their_ports_with_their_data(copy: LocalParts) -> None:
    first = copy.up()
    assert first.postgres is not None
    with psycopg.connect(first.postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    for part in ALL:
        assert copy.kill(part)
    wait_until(lambda: read_addresses(copy.layout.root) is None)
    assert not any(part.ready for part in copy.status().values())

    assert copy.up() == first
    with psycopg.connect(first.postgres) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_down_ends_what_killed_parts_left(copy: LocalParts) -> None:
    copy.up()
    for part in ALL:
        copy.kill(part)
    copy.down()
    assert traces_of(copy.layout.root) == []
    assert list(Path("/dev/shm").glob(f"*{copy.layout.short_name}*")) == []  # noqa: S108 - shared memory


@pytest.mark.parametrize("moment", ["kafka", "triton", "postgres"])
def test_launcher_killed_in_the_middle_is_cleaned_up_after(
    copy: LocalParts, models: Path, moment: str
) -> None:
    root = copy.layout.root
    command = [sys.executable, "-c", LAUNCHER, str(root), str(models)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as launcher:
        wait_until(lambda: copy.store.read(moment).process is not None)
        launcher.kill()
    assert traces_of(root)
    copy.down()
    assert traces_of(root) == []


def test_parts_are_found_even_when_their_state_files_are_lost(copy: LocalParts) -> None:
    copy.up({"triton", "postgres"})
    for part in ("triton", "postgres"):
        (copy.layout.run / f"{part}.json").unlink()
    copy.down()
    assert traces_of(copy.layout.root) == []


def test_triton_with_a_dead_stub_is_not_ready_and_restarted(copy: LocalParts) -> None:
    copy.up({"triton"})
    server = copy.store.read("triton").process
    assert server is not None
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    for child in children:
        subprocess.run(["kill", "-9", child], check=True)
    status = copy.status()["triton"]
    assert not status.ready
    assert status.pid == server.pid
    copy.up({"triton"})
    assert copy.status()["triton"].ready


def test_two_copies_run_side_by_side(new_copy: Callable[[str], LocalParts]) -> None:
    one, two = new_copy("one"), new_copy("two")
    first, second = one.up({"postgres", "triton"}), two.up({"postgres", "triton"})
    assert not ports(one) & ports(two)
    assert (first.postgres, first.triton) != (second.postgres, second.triton)
    one.down()
    assert two.status()["postgres"].ready
    assert two.status()["triton"].ready


def test_part_that_runs_elsewhere_is_checked_but_not_started(
    new_copy: Callable[[str], LocalParts],
) -> None:
    elsewhere = new_copy("elsewhere").up({"postgres"})
    here = LocalParts(new_copy("here").layout.root, external=Addresses(postgres=elsewhere.postgres))
    assert here.up({"postgres"}).postgres == elsewhere.postgres
    assert here.status()["postgres"].external
    assert here.down() == 0


def test_part_that_does_not_answer_elsewhere_is_one_clear_line(
    new_copy: Callable[[str], LocalParts],
) -> None:
    root = new_copy("nobody").layout.root
    for nobody in (
        Addresses(kafka="127.0.0.1:1"),
        Addresses(triton="127.0.0.1:1"),
        Addresses(postgres="postgresql://a:b@127.0.0.1:1/c"),
    ):
        named = {field.name for field in fields(nobody) if getattr(nobody, field.name)}
        with pytest.raises(Unavailable, match=next(iter(named))) as refused:
            LocalParts(root, external=nobody).up(named)
        assert "\n" not in str(refused.value)


def test_model_that_cannot_be_loaded_is_named_and_nothing_stays(
    new_copy: Callable[[str], LocalParts], tmp_path: Path
) -> None:
    broken = tmp_path / "models" / "broken"
    (broken / "1").mkdir(parents=True)
    (broken / "config.pbtxt").write_text('name: "broken"\nbackend: "python"\n')
    (broken / "1" / "model.py").write_text("raise RuntimeError('no weights')\n")
    copy = LocalParts(new_copy("broken").layout.root, models=tmp_path / "models")
    with pytest.raises(Misconfigured, match=r"model broken.*no weights"):
        copy.up({"triton", "postgres"})
    assert traces_of(copy.layout.root) == []


def test_passwords_are_asked_for_and_kept_private(standing: LocalParts) -> None:
    addresses = standing.addresses()
    assert addresses.postgres is not None
    assert addresses.postgres_bi is not None
    place = addresses.postgres.rpartition("@")[2]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://sentiwatch:wrong@{place}")
    with psycopg.connect(addresses.postgres_bi) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("bi_reader",)
    for path in standing.layout.run.glob("*.json"):
        assert path.stat().st_mode & 0o077 == 0
    assert (standing.layout.data / "postgres" / "data").stat().st_mode & 0o077 == 0


def test_cluster_whose_passwords_were_lost_opens_again(copy: LocalParts) -> None:
    before = copy.up({"postgres"})
    copy.down()
    (copy.layout.run / "secrets.json").unlink()
    after = copy.up({"postgres"})
    assert after.postgres != before.postgres
    assert copy.status()["postgres"].ready


def test_owner_may_grant_to_the_reader_without_being_superuser(standing: LocalParts) -> None:
    addresses = standing.addresses()
    assert addresses.postgres is not None
    assert addresses.postgres_bi is not None
    with psycopg.connect(addresses.postgres, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA bi_v1; CREATE TABLE bi_v1.alerts (id int)")
        connection.execute(
            "GRANT USAGE ON SCHEMA bi_v1 TO bi_reader; GRANT SELECT ON bi_v1.alerts TO bi_reader"
        )
        connection.execute("ALTER ROLE bi_reader SET statement_timeout = '30s'")
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == (False,)
    with psycopg.connect(addresses.postgres_bi) as connection:
        assert connection.execute("SELECT count(*) FROM bi_v1.alerts").fetchone() == (0,)


def test_command_reports_what_scripts_rely_on(
    copy: LocalParts, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("KAFKA__BOOTSTRAP", "TRITON__URL", "POSTGRES__URL"):
        monkeypatch.delenv(f"SENTIWATCH_{variable}", raising=False)
    monkeypatch.setenv("SENTIWATCH_LOCAL_DIR", str(copy.layout.root))
    monkeypatch.setenv("SENTIWATCH_MODEL_REPO", str(models))
    load_settings.cache_clear()
    run = CliRunner()
    started = run.invoke(app, ["up"], catch_exceptions=False)
    assert started.exit_code == 0
    password = copy.store.secret("postgres.sentiwatch")
    assert password not in started.output

    told = json.loads(run.invoke(app, ["status", "--json"], catch_exceptions=False).stdout)
    assert all(told[part]["ready"] for part in ALL)
    assert told["postgres"]["url"].startswith(f"postgresql://sentiwatch:{password}@127.0.0.1:")
    assert told["postgres"]["bi_url"].startswith("postgresql://bi_reader:")
    assert told["kafka"]["bootstrap"].startswith("127.0.0.1:")
    assert told["triton"]["grpc"].startswith("127.0.0.1:")

    assert run.invoke(app, ["down", "--purge"], catch_exceptions=False).exit_code == 0
    assert not copy.layout.data.exists()
    assert traces_of(copy.layout.root) == []
    load_settings.cache_clear()


def test_signal_reaches_the_main_process_only_while_it_runs(copy: LocalParts) -> None:
    copy.up({"postgres"})
    assert copy.kill("postgres", signal.SIGCONT)
    copy.down()
    assert not copy.kill("postgres")
