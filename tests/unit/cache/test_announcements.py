"""O4: switches that announce themselves, over a real Redis."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from controller.cache.announcements import Announcements
from controller.cache.client import RedisHandle
from controller.cache.metrics import AnnouncementMetrics
from controller.guard.announced import Announcement
from tests.redis_servers import Server
from tests.unit.cache.conftest import Connects
from tests.unit.cache.given import Clock

HERE = Announcement("192.0.2.7", 8021)
ELSEWHERE = Announcement("192.0.2.8", 8021)
LONG = 60_000


def group_of(redis: RedisHandle, group: str, clock: Clock) -> Announcements:
    """Give what one of a group sees."""
    faults = AnnouncementMetrics(CollectorRegistry()).faults
    return Announcements(redis, group, now=clock, faults=faults)


@pytest.fixture
def group(connect: Connects, lineage: str, clock: Clock) -> Announcements:
    return group_of(connect(None), lineage, clock)


def names(group: Announcements) -> list[str]:
    """Give those whose lease holds."""
    found = group.all()
    assert found is not None
    return [one.name for one in found if one.holds]


def test_o4_a_switch_is_there_until_it_leaves(group: Announcements) -> None:
    assert group.all() == ()
    assert group.announce("fs1", "run", HERE, LONG)
    assert group.announce("fs1", "run", HERE, LONG)
    (one,) = group.all() or ()
    assert (one.name, one.place) == ("fs1", HERE)
    assert 0 < one.left <= LONG
    group.leave("fs1", "another")
    assert names(group) == ["fs1"]
    group.leave("fs1", "run")
    assert group.all() == ()


def test_o4_a_lease_ends_by_the_server_s_clock_and_is_known_as_ended(
    group: Announcements,
) -> None:
    group.announce("fs1", "run", HERE, 0)
    (one,) = group.all() or ()
    assert not one.holds
    # Whoever comes then gets the name.
    assert group.announce("fs1", "other", ELSEWHERE, LONG)
    assert names(group) == ["fs1"]


def test_o4_two_switches_of_one_name_are_told(group: Announcements) -> None:
    """One that starts anew is no second one."""
    assert group.announce("fs1", "run", HERE, LONG)
    assert group.announce("fs1", "other", ELSEWHERE, LONG) is False
    assert group.announce("fs1", "anew", HERE, LONG) is True
    (one,) = group.all() or ()
    assert one.place == HERE


def test_o4_groups_do_not_see_each_other(
    connect: Connects, lineage: str, clock: Clock, group: Announcements
) -> None:
    other = group_of(connect(None), f"{lineage}-other", clock)
    group.announce("fs1", "run", HERE, LONG)
    assert names(other) == []


def test_g1_what_somebody_else_wrote_there_is_read_as_nothing(
    connect: Connects, lineage: str, group: Announcements
) -> None:
    group.announce("fs1", "run", HERE, LONG)
    redis = connect(None)
    for field, value in (
        ("a", "x"), ("b", "99999999999999 run {"), ("c", "99999999999999 run [1]"),
        ("d", "99999999999999  "), ("\xff", '99999999999999 run {"host": 1, "port": "x"}'),
    ):  # fmt: skip
        redis.execute("HSET", f"callbackd:{{{lineage}}}:switches", field, value)
    found = group.all()
    assert found is not None
    assert [one.name for one in found if one.place is not None] == ["fs1"]


def test_o5_redis_away_is_told_once_and_nothing_is_known(
    valkey: Server, connect: Connects, lineage: str, clock: Clock
) -> None:
    group = group_of(connect(valkey.url), lineage, clock)
    assert group.announce("fs1", "run", HERE, LONG)
    valkey.kill()
    assert group.all() is None
    assert group.announce("fs1", "run", HERE, LONG) is None
    assert "Redis is away" in str(group.fault)
    valkey.start()
    assert group.all() == ()
    assert group.fault is None
