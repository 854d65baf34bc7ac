"""O4, O5: who is judged dead or frozen, whatever Redis, its clock and the network do."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.guard.members import Member, Seen
from controller.guard.standing import KNOWN_SECONDS, Judge, Stillness
from tests.unit.examples import many

LEASE: Final = 8
ME, OTHER, THIRD = "controller1", "controller2", "controller3"


def member(name: str = OTHER, run: str = "a", web: str = "here") -> Member:
    return Member(name=name, run=run, web=web)


def seen(left: float, name: str = OTHER, run: str = "a") -> Seen:
    """Give a controller with so many seconds of its lease left."""
    return Seen(member(name, run), int(left * 1000))


def names(members: tuple[Member, ...]) -> list[str]:
    return [one.name for one in members]


def watched(judge: Judge, begin: float, seconds: int, last: float, epoch: str = "e") -> float:
    """Let time pass in which we renew every second, and the other one does not; gives the time."""
    for second in range(seconds):
        judge.renewed(epoch, [seen(last - second)], begin + second)
    return begin + seconds - 1


def test_o4_whose_lease_has_ended_and_who_does_not_answer_is_away() -> None:
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE, last=LEASE)
    assert (names(judge.members), judge.suspects(now)) == ([OTHER], ())
    now = watched(judge, now, 2, last=0)
    assert names(judge.suspects(now)) == [OTHER]
    assert names(judge.members) == [OTHER], "nobody has said that he does not answer"
    judge.told(member(), now, lives=False)
    assert (names(judge.members), names(judge.away)) == ([], [OTHER])
    judge.renewed("e", [seen(LEASE)], now + 1)
    assert (names(judge.members), names(judge.away)) == ([OTHER], [])


def test_o4_who_has_only_lost_redis_answers_and_stays_a_member_as_long_as_he_does() -> None:
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE + 2, last=LEASE)
    for _ in range(3):
        assert names(judge.suspects(now)) == [OTHER]
        judge.told(member(), now, lives=True)
        assert (names(judge.members), names(judge.away)) == ([OTHER], [])
        assert judge.suspects(now) == (), "he is not asked again and again"
        now = watched(judge, now, LEASE // 2 + 1, last=-5)
    assert names(judge.suspects(now)) == [OTHER]
    judge.told(member(), now, lives=False)
    assert names(judge.away) == [OTHER]


def test_o4_of_many_who_are_gone_each_has_his_turn_to_be_asked() -> None:
    """One that dies and starts anew, under another name each time, leaves hundreds behind."""
    judge, dead = Judge(ME, LEASE), [f"host-{n}" for n in range(5)]
    asked: list[str] = []
    for second in range(LEASE * 3):
        judge.renewed("e", [seen(-60, name) for name in dead], 100.0 + second)
        some = judge.suspects(100.0 + second, 2)
        assert len(some) <= 2
        asked += names(some)
    assert set(asked) == set(dead)
    assert judge.suspects(100.0 + LEASE * 3, 0) == ()


def test_o4_who_is_away_and_answers_again_is_a_member_again() -> None:
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE + 2, last=LEASE)
    judge.suspects(now)
    judge.told(member(), now, lives=False)
    now = watched(judge, now, LEASE // 2 + 1, last=-5)
    assert names(judge.suspects(now)) == [OTHER]
    judge.told(member(), now, lives=True)
    assert (names(judge.members), names(judge.away)) == ([OTHER], [])


def test_o4_nobody_is_judged_until_we_have_seen_redis_for_a_whole_lease() -> None:
    """Also after it lost its data, and after a gap in which others could not renew either."""
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE, last=-1)
    assert (judge.suspects(now), judge.members, judge.away) == ((), (), ())
    now = watched(judge, now + 1, 1, last=-9)
    assert names(judge.suspects(now)) == [OTHER]
    for gap, epoch in ((LEASE / 2 + 1, "e"), (1, "f")):
        now = watched(judge, now + gap, LEASE, last=-1, epoch=epoch)
        assert judge.suspects(now) == ()
        judge.told(member(), now, lives=False)
        assert judge.away == ()
        now = watched(judge, now + 1, 1, last=-9, epoch=epoch)
        assert names(judge.suspects(now)) == [OTHER]


def test_o4_while_redis_is_away_what_was_judged_stays() -> None:
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE + 2, last=LEASE)
    judge.suspects(now)
    judge.told(member(), now, lives=False)
    assert judge.suspects(now + 1000) == ()
    assert names(judge.away) == [OTHER]
    judge.renewed("f", [], now + 1000)
    assert names(judge.away) == [OTHER], "Redis has lost its data; he is not back for that"


def test_o4_who_was_there_when_redis_lost_its_data_and_is_not_seen_again_is_judged() -> None:
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE, last=LEASE)
    for second in range(LEASE + 1):
        judge.renewed("f", [], now + 1 + second)
    assert names(judge.members) == [OTHER]
    assert names(judge.suspects(now + 1 + LEASE)) == [OTHER]
    judge.told(member(), now + 1 + LEASE, lives=False)
    assert names(judge.away) == [OTHER]
    judge.renewed("f", [], now + 2 + LEASE)
    assert names(judge.away) == [OTHER]


def test_o4_who_leaves_is_neither_there_nor_away() -> None:
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE, last=LEASE)
    judge.renewed("e", [], now + 1)
    assert (judge.members, judge.away, judge.suspects(now + 1000)) == ((), (), ())


def test_o4_a_new_run_of_a_name_is_not_its_former_one() -> None:
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE + 2, last=LEASE)
    (suspect,) = judge.suspects(now)
    judge.renewed("e", [seen(LEASE, run="b")], now + 1)
    judge.told(suspect, now + 1, lives=False)
    assert (names(judge.members), judge.away) == ([OTHER], ())


def test_o4_somebody_who_lapsed_before_we_came_is_no_member_of_ours() -> None:
    """No switch is told to connect to him, and what he had is taken when it is sure."""
    judge = Judge(ME, LEASE)
    judge.renewed("e", [seen(-600)], 100.0)
    assert (judge.members, judge.away) == ((), ())
    now = watched(judge, 101.0, LEASE, last=-601)
    assert names(judge.suspects(now)) == [OTHER]


def test_o4_nobody_is_known_for_ever() -> None:
    judge = Judge(ME, LEASE)
    now = watched(judge, 100.0, LEASE, last=LEASE)
    judge.renewed("f", [], now + 1)
    judge.renewed("f", [], now + KNOWN_SECONDS + LEASE + 1)
    assert judge.members == ()


@pytest.mark.parametrize(("gap", "still"), [(5.9, False), (6.1, True), (3600.0, True)])
def test_o4_we_stood_still_when_nothing_of_ours_was_done_for_most_of_a_lease(
    gap: float, still: bool
) -> None:
    """Before others may judge us: their lease for us ends later."""
    stillness = Stillness(LEASE)
    assert stillness.found(5000.0) == 0, "we have not begun yet"
    stillness.note(100.0)
    assert (stillness.found(100.0 + gap) > 0) is still
    assert stillness.found(100.0 + gap) == 0 or not still, "it is found out once"


class Life:
    """A Redis with its own clock, and two others beside us: one answers over the web, one cannot.

    All renew every second while they and Redis are there.
    """

    def __init__(self) -> None:
        self.judge = Judge(ME, LEASE)
        self.now = 1000.0
        self.ahead = 0.0
        self.life = 0
        self.ends: dict[str, float] = {}
        self.there = True
        self.frozen: dict[str, float] = {}
        #: Since when Redis is as it is now.
        self.well = self.now

    def second(self, first: bool) -> None:
        """Let a second pass; `first`: we renew before the others."""
        self.now += 1
        for turn in (first, not first):
            if turn:
                self.we()
            else:
                self.others()
        for suspect in self.judge.suspects(self.now):
            lives = suspect.name == OTHER and OTHER not in self.frozen
            self.judge.told(suspect, self.now, lives=lives)

    def others(self) -> None:
        for name in (OTHER, THIRD):
            if self.there and name not in self.frozen:
                self.ends[name] = self.now + self.ahead + LEASE

    def we(self) -> None:
        if self.there:
            found = [
                Seen(member(name), int((end - self.now - self.ahead) * 1000))
                for name, end in self.ends.items()
            ]
            self.judge.renewed(str(self.life), found, self.now)

    def does(self, what: str, seconds: int) -> None:
        """Have something happen."""
        match what:
            case "away":
                self.there, self.well = not self.there, self.now
            case "emptied":
                self.ends, self.life, self.well = {}, self.life + 1, self.now
            case "clock":
                self.ahead += seconds
                self.well = self.now + abs(seconds)
            case "freezes":
                who = (OTHER, THIRD)[seconds % 2]
                if self.frozen.pop(who, None) is None:
                    self.frozen[who] = self.now
            case _:
                pass


happens = st.tuples(
    st.sampled_from(["", "", "away", "emptied", "clock", "freezes"]),
    st.integers(-30, 30),
    st.lists(st.booleans(), min_size=1, max_size=25),
)


@settings(max_examples=many(150))
@given(st.lists(happens, max_size=12))
def test_o4_o5_nobody_who_lives_is_judged_and_whoever_does_not_is_found(
    history: list[tuple[str, int, list[bool]]],
) -> None:
    """Whatever becomes of Redis, its data and its clock, in any order of renewals.

    Who lives is away for no longer than it takes until he is seen or asked again.
    """
    life = Life()
    thawed = dict.fromkeys((OTHER, THIRD), life.now)
    for what, seconds, turns in history:
        before = dict(life.frozen)
        life.does(what, seconds)
        for name in before.keys() - life.frozen.keys():
            thawed[name] = life.now
        for first in turns:
            life.second(first)
            away = names(life.judge.away)
            for name in (OTHER, THIRD):
                lately = life.now - max(thawed[name], life.well) <= LEASE
                if name not in life.frozen and not lately and life.there:
                    assert name not in away, "he lives"
                    assert name in names(life.judge.members)
                if thawed[name] == 1000.0 and name not in life.frozen:
                    assert name not in away, "he has never stood still"
    since = max(life.well, *life.frozen.values(), life.now) if life.frozen else life.now
    if life.there:
        while life.now < since + 4 * LEASE + 62:
            life.second(True)
        # Of whom nothing was ever seen, nobody knows.
        known = {*names(life.judge.away), *names(life.judge.members)}
        assert life.frozen.keys() & known <= set(names(life.judge.away))
        assert {OTHER, THIRD} - life.frozen.keys() <= set(names(life.judge.members))
