"""O2: people who log in: who they are, how they get in, and what keeps others out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pyotp
import pytest
from sqlalchemy import Engine, select, text

from controller.admin.callback_shapes import StopScope
from controller.admin.directory import Directory
from controller.admin.model import (
    AdminError,
    Conflict,
    Forbidden,
    Invalid,
    Kind,
    NotFound,
    Stale,
)
from controller.admin.people_shapes import (
    CODE_WAIT,
    DAY,
    FREE_TRIES,
    HOUR,
    LONGEST_LOCK,
    MINUTE,
    SECOND,
    LockedOut,
    WrongLogIn,
    actor_of,
)
from controller.admin.stopping import Stopping
from controller.store import schema
from tests.people import OTHER, PASSWORD, Office, digits
from tests.seed import ADMIN
from tests.unit.admin.given import ACME, ACME_LOOKS, LOOKS
from tests.unit.admin.given import OTHER as OTHERS

FROM = "192.0.2.7"


@pytest.fixture
def office(engine: Engine, store: Directory) -> Office:
    """A desk of people, over each database; there is a client `acme`."""
    store.create(ADMIN, Kind.CLIENT, {"name": "acme"})
    return Office(engine)


def wrong(office: Office, name: str = "ada", password: str = OTHER) -> None:
    """Type a wrong password."""
    with pytest.raises(WrongLogIn):
        office.people.log_in(name, password, FROM)


def audited(engine: Engine, **where: str) -> list[tuple[str, str, str]]:
    """Give what the audit log has of users: who did what to whom."""
    table = schema.audit
    statement = select(table.c.actor, table.c.action, table.c.key).order_by(table.c.id)
    with engine.connect() as connection:
        rows = connection.execute(statement.where(table.c.kind == "user")).all()
    return [(row.actor, row.action, row.key) for row in rows]


# --- links -----------------------------------------------------------------------------------


def test_o2_the_first_administrator_makes_himself_by_a_link(office: Office) -> None:
    """Once: after that nobody can."""
    first, second = office.people.first_link(), office.people.first_link()
    assert first is not None
    assert second is not None
    assert office.people.welcome(first) is None
    made = office.people.accept(first, " Ada ", PASSWORD, FROM)
    session = office.people.session(made.secret)
    assert session is not None
    assert (session.user, session.actor) == ("ada", actor_of("ada", "admin", None))
    # Another controller printed one too.
    for used in (first, second):
        with pytest.raises(NotFound, match="does not work any more"):
            office.people.accept(used, "eve", PASSWORD, FROM)
    assert office.people.first_link() is None


@pytest.mark.parametrize("name", ["", "a b", "-x", "../x", "<b>", "x\x00", "\ud800", "y" * 65])
def test_o2_a_name_that_is_none_is_refused(office: Office, name: str) -> None:
    link = office.people.first_link()
    assert link is not None
    with pytest.raises(Invalid, match=r"^name: "):
        office.people.accept(link, name, PASSWORD, FROM)
    with pytest.raises(Invalid, match=r"^name: "):
        office.people.make(ADMIN, {"name": name, "role": "admin"})
    assert office.people.welcome(link) is None


def test_o2_a_link_works_once(office: Office) -> None:
    _, link = office.people.make(ADMIN, {"name": "rod", "role": "read_only"})
    assert office.people.welcome(link) == "rod"
    # Whatever name is sent with it.
    made = office.people.accept(link, "ada", PASSWORD, FROM)
    session = office.people.session(made.secret)
    assert session is not None
    assert session.user == "rod"
    for _ in range(2):
        with pytest.raises(NotFound):
            office.people.accept(link, "", OTHER, FROM)
    office.people.log_in("rod", PASSWORD, FROM)


def test_o2_a_link_works_for_a_day_and_until_the_next_one(office: Office) -> None:
    _, first = office.people.make(ADMIN, {"name": "rod", "role": "read_only"})
    second = office.people.link(ADMIN, "rod")
    with pytest.raises(NotFound):
        office.people.welcome(first)
    office.later(DAY - 1)
    assert office.people.welcome(second) == "rod"
    office.later(1)
    with pytest.raises(NotFound):
        office.people.accept(second, "", PASSWORD, FROM)


def test_o2_a_link_of_somebody_who_is_off_or_removed_does_nothing(office: Office) -> None:
    _, link = office.people.make(ADMIN, {"name": "rod", "role": "read_only"})
    office.people.change(ADMIN, "rod", {"enabled": False})
    with pytest.raises(NotFound):
        office.people.accept(link, "", PASSWORD, FROM)
    with pytest.raises(Conflict, match="switch him on first"):
        office.people.link(ADMIN, "rod")
    office.people.change(ADMIN, "rod", {"enabled": True})
    link = office.people.link(ADMIN, "rod")
    office.people.remove(ADMIN, "rod")
    with pytest.raises(NotFound):
        office.people.accept(link, "", PASSWORD, FROM)


def test_o2_a_password_that_is_too_easy_leaves_the_link_as_it_was(office: Office) -> None:
    _, link = office.people.make(ADMIN, {"name": "rod", "role": "read_only"})
    for password in ("short", "x" * 300, "aaaaaaaaaaaaaaa"):
        with pytest.raises(Invalid, match=r"^password: "):
            office.people.accept(link, "", password, FROM)
    assert office.people.welcome(link) == "rod"


# --- logging in ------------------------------------------------------------------------------


def test_o2_who_is_right_is_in_and_it_is_audited(office: Office, engine: Engine) -> None:
    office.admin()
    made = office.people.log_in(" ADA ", PASSWORD, FROM)
    assert made.whole
    assert office.people.session(made.secret) is not None
    assert audited(engine)[-1] == ("user:ada", "log_in", "ada")
    assert office.told == ["right", "right"]


def test_o2_each_log_in_has_a_secret_of_its_own(office: Office) -> None:
    """Whatever cookie the browser had: nobody can put one there and wait (session fixation)."""
    office.admin()
    one, two = (office.people.log_in("ada", PASSWORD, FROM).secret for _ in range(2))
    assert one != two
    first, second = office.people.session(one), office.people.session(two)
    assert first is not None
    assert second is not None
    assert first.csrf != second.csrf


@pytest.mark.parametrize("name", ["eve", "", "\x00", "\ud800", "x" * 5000, "' OR 1=1 --", PASSWORD])
def test_o2_an_unknown_name_takes_as_long_and_sounds_the_same(office: Office, name: str) -> None:
    """A3: and so does one without a password, one that is off, and a text that is none."""
    office.admin()
    office.passwords.checked = 0
    with pytest.raises(WrongLogIn) as unknown:
        office.people.log_in(name, OTHER, FROM)
    assert office.passwords.checked == 1
    with pytest.raises(WrongLogIn) as known:
        office.people.log_in("ada", OTHER, FROM)
    assert office.passwords.checked == 2
    assert str(unknown.value) == str(known.value)


def test_o2_who_is_off_or_has_no_password_yet_is_not_in(office: Office) -> None:
    office.people.make(ADMIN, {"name": "new", "role": "read_only"})
    office.user("off")
    office.people.change(ADMIN, "off", {"enabled": False})
    office.passwords.checked = 0
    for name in ("new", "off"):
        wrong(office, name, PASSWORD)
    assert office.passwords.checked == 2


@pytest.mark.parametrize("password", ["", "\x00", "\ud800", "x" * 100_000])
def test_g1_a_hostile_password_is_only_wrong(office: Office, password: str) -> None:
    office.admin()
    wrong(office, "ada", password)


# --- lock-out --------------------------------------------------------------------------------


def failed(office: Office, name: str = "ada") -> int:
    """Type wrong passwords until a name is locked; give for how long, seconds."""
    for _ in range(FREE_TRIES + 1):
        wrong(office, name)
    with pytest.raises(LockedOut) as locked:
        office.people.log_in(name, PASSWORD, FROM)
    return locked.value.seconds


def test_o2_wrong_passwords_lock_for_longer_and_longer(office: Office) -> None:
    office.admin()
    assert failed(office) == 30
    waits = []
    for _ in range(8):
        with pytest.raises(LockedOut) as locked:
            office.people.log_in("ada", PASSWORD, FROM)
        waits.append(locked.value.seconds)
        office.later(locked.value.seconds * SECOND)
        wrong(office)
    assert waits[:6] == [30, 60, 120, 240, 480, 900]
    assert waits[-1] * SECOND == LONGEST_LOCK
    office.later(LONGEST_LOCK)
    office.people.log_in("ada", PASSWORD, FROM)
    # The right one clears what was counted.
    assert failed(office) == 30


def test_o2_a_locked_name_is_not_looked_at_whoever_it_is(office: Office, engine: Engine) -> None:
    """The same of names that there are not: else a lock would tell that there is somebody."""
    office.admin()
    assert failed(office, "ada") == failed(office, "nobody")
    office.passwords.checked = 0
    with pytest.raises(LockedOut):
        office.people.log_in("nobody", PASSWORD, FROM)
    # All controllers count together.
    with pytest.raises(LockedOut):
        office.another(engine).log_in("ada", PASSWORD, FROM)
    assert office.passwords.checked == 0
    assert office.told[-1] == "locked"


def test_o2_of_many_tries_at_once_none_is_free(office: Office) -> None:
    """Each is counted before it is looked at."""
    office.admin()
    real = office.passwords.check
    tries: list[int] = []

    def meanwhile(password: str, stored: str) -> bool:
        if len(tries) < 20:
            tries.append(0)
            with pytest.raises(AdminError):
                office.people.log_in("ada", OTHER, FROM)
        return real(password, stored)

    office.passwords.check = meanwhile  # type: ignore[method-assign]
    wrong(office)
    assert len(tries) == FREE_TRIES + 1


def test_o2_an_administrator_sees_who_is_locked_and_a_link_lets_him_in(office: Office) -> None:
    office.admin()
    office.user("rod")
    failed(office, "rod")
    until = office.people.get(ADMIN, "rod").locked_until
    assert until == office.now + 30 * SECOND
    link = office.people.link(ADMIN, "rod")
    office.people.accept(link, "", OTHER, FROM)
    assert office.people.get(ADMIN, "rod").locked_until is None
    office.people.log_in("rod", OTHER, FROM)


def test_o2_failures_are_forgotten_after_a_day(office: Office, engine: Engine) -> None:
    office.admin()
    for _ in range(FREE_TRIES):
        wrong(office)
    office.later(DAY)
    wrong(office)
    with engine.connect() as connection:
        kept = connection.execute(select(schema.log_in_failure.c.failures)).scalars().all()
    assert kept == [1]


def test_a4_nothing_that_was_typed_is_kept(office: Office, engine: Engine) -> None:
    """A password that was typed as a name is in no table."""
    office.admin()
    office.authenticator("ada")
    wrong(office, PASSWORD, PASSWORD)
    everything = []
    with engine.connect() as connection:
        for name in ("user", "web_session", "invitation", "log_in_failure", "audit"):
            rows = connection.execute(text(f'SELECT * FROM "{name}"')).all()
            everything.append(repr(rows))
    assert PASSWORD not in "".join(everything)
    assert "argon2id" not in everything[-1]


# --- sessions --------------------------------------------------------------------------------


def test_o2_a_session_ends_when_nothing_is_heard_of_it(office: Office) -> None:
    secret = office.admin()
    for _ in range(3):
        office.later(12 * HOUR - 1)
        assert office.people.session(secret) is not None
    office.later(12 * HOUR)
    assert office.people.session(secret) is None


def test_o2_what_a_page_asks_by_itself_is_no_use_of_a_session(office: Office) -> None:
    """A page that is left open asks every few seconds: that keeps nobody logged in."""
    secret = office.admin()
    for _ in range(23):
        office.later(HOUR // 2)
        assert office.people.session(secret, used=False) is not None
    office.later(HOUR // 2)
    assert office.people.session(secret, used=False) is None


def test_o2_use_counts_though_the_page_has_just_asked_by_itself(
    office: Office, engine: Engine
) -> None:
    """What is remembered for a second hides no use."""
    secret = office.admin()
    office.later(HOUR)
    assert office.people.session(secret, used=False) is not None
    with engine.connect() as connection:
        before = connection.execute(select(schema.web_session.c.seen)).scalar_one()
        assert before == office.now - HOUR
    assert office.people.session(secret) is not None
    with engine.connect() as connection:
        assert connection.execute(select(schema.web_session.c.seen)).scalar_one() == office.now


def test_o2_a_session_lasts_a_week_at_most(office: Office) -> None:
    secret = office.admin()
    for _ in range(27):
        office.later(6 * HOUR)
        assert office.people.session(secret) is not None
    office.later(6 * HOUR)
    assert office.people.session(secret) is None
    # What is over goes when somebody logs in.
    office.people.log_in("ada", PASSWORD, FROM)
    assert len(office.people.sessions("ada", "")) == 1


def test_o2_that_a_session_is_used_is_written_once_a_minute(office: Office, engine: Engine) -> None:
    secret = office.admin()
    began = office.now

    def seen() -> int:
        office.people.session(secret)
        with engine.connect() as connection:
            return int(connection.execute(select(schema.web_session.c.seen)).scalar_one())

    office.later(MINUTE - 1)
    assert seen() == began
    office.later(2 * SECOND)
    assert seen() == office.now


def test_o2_who_is_logged_out_is_out(office: Office, engine: Engine) -> None:
    secret = office.admin()
    assert office.people.session(secret) is not None
    office.people.log_out(secret)
    assert office.people.session(secret) is None
    for hostile in ("", "\ud800", "x" * 9000, "' OR 1=1 --"):
        assert office.people.session(hostile) is None
        office.people.log_out(hostile)


def test_o2_what_ends_elsewhere_ends_here_within_a_second(office: Office, engine: Engine) -> None:
    secret = office.admin()
    other = office.another(engine)
    assert other.session(secret) is not None
    office.people.log_out(secret)
    office.clock += 1.0
    assert other.session(secret) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda people: people.change(ADMIN, "rod", {"enabled": False}),
        lambda people: people.change_password("rod", PASSWORD, OTHER, FROM),
        lambda people: people.accept(people.link(ADMIN, "rod"), "", OTHER, FROM),
        lambda people: people.take_totp(ADMIN, "rod"),
        lambda people: people.drop_totp("rod", PASSWORD, FROM),
        lambda people: people.end_sessions(ADMIN, "rod"),
        lambda people: people.remove(ADMIN, "rod"),
    ],
    ids=["disabled", "password", "link", "totp taken", "totp dropped", "ended", "removed"],
)
def test_o2_all_his_sessions_end(office: Office, change: Callable[[Any], Any]) -> None:
    """And nobody else's."""
    admin = office.admin()
    office.user("rod")
    secrets = [office.people.log_in("rod", PASSWORD, FROM).secret for _ in range(2)]
    made, _ = office.authenticator("rod")
    assert made is not None
    assert all(map(office.people.session, secrets))
    change(office.people)
    assert not any(map(office.people.session, secrets))
    assert office.people.session(admin) is not None


def test_o2_a_new_role_counts_at_once(office: Office) -> None:
    office.admin()
    office.user("rod")
    secret = office.people.log_in("rod", PASSWORD, FROM).secret
    office.people.session(secret)
    office.people.change(ADMIN, "rod", {"role": "client", "client": "acme"})
    session = office.people.session(secret)
    assert session is not None
    assert session.actor == actor_of("rod", "client", "acme")


def test_o2_one_sees_and_ends_ones_own_sessions(office: Office) -> None:
    secret = office.admin()
    office.user("rod")
    others = office.people.log_in("rod", PASSWORD, FROM).secret
    second = office.people.log_in("ada", PASSWORD, FROM).secret
    found = office.people.sessions("ada", secret)
    assert sorted((one.own, one.peer) for one in found) == [(False, FROM), (True, "192.0.2.1")]
    (mark,) = (one.mark for one in found if not one.own)
    (his,) = (one.mark for one in office.people.sessions("rod", others))
    office.people.end_session("ada", mark)
    assert office.people.session(second) is None
    for gone in (mark, his, "", "%"):
        with pytest.raises(NotFound):
            office.people.end_session("ada", gone)
    assert office.people.session(others) is not None


# --- passwords of one's own ------------------------------------------------------------------


def test_o2_one_changes_ones_password_who_knows_it(office: Office, engine: Engine) -> None:
    office.admin()
    with pytest.raises(WrongLogIn):
        office.people.change_password("ada", OTHER, OTHER, FROM)
    with pytest.raises(Invalid, match=r"^password: "):
        office.people.change_password("ada", PASSWORD, "short", FROM)
    made = office.people.change_password("ada", PASSWORD, OTHER, FROM)
    assert office.people.session(made.secret) is not None
    wrong(office, "ada", PASSWORD)
    office.people.log_in("ada", OTHER, FROM)
    assert ("user:ada", "password", "ada") in audited(engine)


def test_o2_a_stolen_browser_cannot_guess_the_password(office: Office) -> None:
    office.admin()
    for _ in range(FREE_TRIES + 1):
        with pytest.raises(WrongLogIn):
            office.people.change_password("ada", OTHER, OTHER, FROM)
    with pytest.raises(LockedOut):
        office.people.change_password("ada", PASSWORD, OTHER, FROM)


# --- authenticators --------------------------------------------------------------------------


def test_o2_with_an_authenticator_the_password_is_half_of_it(office: Office) -> None:
    office.admin()
    made, _ = office.authenticator("ada")
    office.later(MINUTE)
    half = office.people.log_in("ada", PASSWORD, FROM)
    assert not half.whole
    assert office.people.session(half.secret) is None
    assert office.people.sessions("ada", half.secret)[0].own is False
    with pytest.raises(WrongLogIn):
        office.people.log_in_code(half.secret, digits(office.code(made)), FROM)
    whole = office.people.log_in_code(half.secret, office.code(made), FROM)
    assert whole.secret != half.secret
    assert office.people.session(whole.secret) is not None
    # The half is spent.
    with pytest.raises(NotFound):
        office.people.log_in_code(half.secret, office.code(made), FROM)


def test_o2_a_code_is_taken_once(office: Office, engine: Engine) -> None:
    """Whoever looked over the shoulder comes too late, at any controller."""
    office.admin()
    made, _ = office.authenticator("ada")
    for people in (office.people, office.another(engine)):
        # That of the enrolment was one too.
        half = people.log_in("ada", PASSWORD, FROM).secret
        with pytest.raises(WrongLogIn):
            people.log_in_code(half, office.code(made), FROM)
    office.later(MINUTE)
    code = office.code(made)
    half = office.people.log_in("ada", PASSWORD, FROM).secret
    office.people.log_in_code(half, code, FROM)
    half = office.people.log_in("ada", PASSWORD, FROM).secret
    with pytest.raises(WrongLogIn):
        office.people.log_in_code(half, code, FROM)
    # Nor one that is older than one that was taken.
    with pytest.raises(WrongLogIn):
        office.people.log_in_code(half, made.at(office.now // SECOND - 30), FROM)


def test_o2_wrong_codes_lock_as_wrong_passwords_do(office: Office) -> None:
    """Also of somebody who knows the password, and says it again before each of them."""
    office.admin()
    made, _ = office.authenticator("ada")
    office.later(MINUTE)
    for _ in range(FREE_TRIES + 1):
        half = office.people.log_in("ada", PASSWORD, FROM).secret
        with pytest.raises(WrongLogIn):
            office.people.log_in_code(half, digits(office.code(made)), FROM)
    with pytest.raises(LockedOut):
        office.people.log_in_code(half, office.code(made), FROM)
    office.later(30 * SECOND)
    half = office.people.log_in("ada", PASSWORD, FROM).secret
    office.people.log_in_code(half, office.code(made), FROM)


@pytest.mark.parametrize("code", ["", "0", "000 000 ", "\u0661\u0662\u0663\u0664\u0665\u0666"])
def test_g1_a_code_that_is_none_is_only_wrong(office: Office, code: str) -> None:
    office.admin()
    office.authenticator("ada")
    half = office.people.log_in("ada", PASSWORD, FROM).secret
    with pytest.raises(WrongLogIn):
        office.people.log_in_code(half, code, FROM)


def test_o2_the_code_is_waited_for_so_long(office: Office) -> None:
    office.admin()
    made, _ = office.authenticator("ada")
    half = office.people.log_in("ada", PASSWORD, FROM).secret
    office.later(CODE_WAIT)
    with pytest.raises(NotFound):
        office.people.log_in_code(half, office.code(made), FROM)
    # A whole session is no half one.
    office.user("rod")
    for secret in (office.people.log_in("rod", PASSWORD, FROM).secret, "nothing", "\ud800"):
        with pytest.raises(NotFound):
            office.people.log_in_code(secret, office.code(made), FROM)


def test_o2_a_lost_authenticator_is_stood_in_for_once_by_each_code(office: Office) -> None:
    office.admin()
    _, codes = office.authenticator("ada")
    assert len(set(codes)) == len(codes) == 8
    for written in (codes[0].upper(), codes[1].replace("-", " ")):
        half = office.people.log_in("ada", PASSWORD, FROM).secret
        assert office.people.log_in_code(half, written, FROM).whole
        half = office.people.log_in("ada", PASSWORD, FROM).secret
        with pytest.raises(WrongLogIn):
            office.people.log_in_code(half, written, FROM)


def test_o2_an_authenticator_counts_when_it_has_shown_a_code(office: Office) -> None:
    office.admin()
    enrolment = office.people.enrol("ada")
    with pytest.raises(Invalid, match=r"^code: "):
        office.people.use_totp("ada", enrolment.salt, "000000", PASSWORD)
    with pytest.raises(Invalid, match=r"^salt: "):
        office.people.use_totp("ada", "' OR 1=1", "000000", PASSWORD)
    assert office.people.log_in("ada", PASSWORD, FROM).whole
    office.authenticator("ada")
    with pytest.raises(Conflict):
        office.authenticator("ada")
    # One of somebody else's has other codes.
    assert office.people.enrol_again("rod", enrolment.salt).secret != enrolment.secret


def test_o2_an_authenticator_is_added_by_who_knows_the_password(office: Office) -> None:
    """A browser that was left open binds nobody else's telephone, and guesses nothing."""
    secret = office.admin()
    enrolment = office.people.enrol("ada")
    code = office.code(pyotp.parse_uri(enrolment.uri))
    for _ in range(FREE_TRIES + 1):
        with pytest.raises(WrongLogIn):
            office.people.use_totp("ada", enrolment.salt, code, OTHER)
    with pytest.raises(LockedOut):
        office.people.use_totp("ada", enrolment.salt, code, PASSWORD)
    assert not office.people.own("ada").totp
    office.later(MINUTE)
    code = office.code(pyotp.parse_uri(enrolment.uri))
    assert office.people.use_totp("ada", enrolment.salt, code, PASSWORD)
    # Its own log-in goes on, and nothing counts against it any more.
    assert office.people.session(secret) is not None
    assert office.people.own("ada").totp


def test_o2_a_mistyped_code_is_no_wrong_password(office: Office) -> None:
    office.admin()
    enrolment = office.people.enrol("ada")
    code = office.code(pyotp.parse_uri(enrolment.uri))
    for _ in range(FREE_TRIES + 1):
        with pytest.raises(Invalid):
            office.people.use_totp("ada", enrolment.salt, digits(code), PASSWORD)
    assert office.people.use_totp("ada", enrolment.salt, code, PASSWORD)


def test_o2_an_authenticator_is_dropped_by_who_knows_the_password(office: Office) -> None:
    office.admin()
    office.authenticator("ada")
    with pytest.raises(WrongLogIn):
        office.people.drop_totp("ada", OTHER, FROM)
    made = office.people.drop_totp("ada", PASSWORD, FROM)
    assert office.people.session(made.secret) is not None
    assert office.people.log_in("ada", PASSWORD, FROM).whole


def test_o2_a_link_does_not_pass_the_authenticator_by(office: Office) -> None:
    """Whoever reads somebody's mail has the link, and not his telephone."""
    office.admin()
    made, _ = office.authenticator("ada")
    half = office.people.accept(office.people.link(ADMIN, "ada"), "", OTHER, FROM)
    assert not half.whole
    office.later(MINUTE)
    assert office.people.log_in_code(half.secret, office.code(made), FROM).whole


# --- administrators --------------------------------------------------------------------------


def test_o2_users_are_kept_by_administrators_alone(office: Office) -> None:
    """A client never, nor who only looks; not even to see who there is."""
    people = office.people
    office.admin()
    for actor in (ACME, OTHERS, LOOKS, ACME_LOOKS, actor_of("rod", "read_only", None)):
        calls: list[Callable[[], Any]] = [
            partial(people.list, actor),
            partial(people.get, actor, "ada"),
            partial(people.make, actor, {"name": "x", "role": "admin"}),
            partial(people.change, actor, "ada", {"enabled": False}),
            partial(people.remove, actor, "ada"),
            partial(people.link, actor, "ada"),
            partial(people.take_totp, actor, "ada"),
            partial(people.end_sessions, actor, "ada"),
        ]
        for call in calls:
            with pytest.raises(Forbidden):
                call()


def test_o2_the_last_administrator_stays(office: Office) -> None:
    office.admin()
    # One who has no password yet cannot let anybody in.
    _, link = office.people.make(ADMIN, {"name": "bob", "role": "admin"})
    for patch in ({"enabled": False}, {"role": "read_only"}, {"role": "client", "client": "acme"}):
        with pytest.raises(Conflict, match="last administrator"):
            office.people.change(ADMIN, "ada", patch)
    with pytest.raises(Conflict, match="last administrator"):
        office.people.remove(ADMIN, "ada")
    office.people.accept(link, "", PASSWORD, FROM)
    office.people.change(ADMIN, "ada", {"role": "read_only"})
    with pytest.raises(Conflict, match="last administrator"):
        office.people.remove(ADMIN, "bob")
    office.people.remove(ADMIN, "ada")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": "x", "role": "client"}, "^client: "),
        ({"name": "x", "role": "admin", "client": "acme"}, "^client: "),
        ({"name": "x", "role": "read_only", "client": "nobody"}, "^client: there is no client"),
        ({"name": "x", "role": "root"}, "^role: "),
        ({"name": "x", "role": "admin", "password_hash": "x"}, "^password_hash: "),
    ],
)
def test_o2_a_user_that_cannot_be_is_refused(
    office: Office, values: dict[str, Any], says: str
) -> None:
    with pytest.raises(Invalid, match=says):
        office.people.make(ADMIN, values)
    assert office.people.list(ADMIN).items == ()


def test_o2_users_are_listed_page_by_page(office: Office) -> None:
    for name in ("b", "a", "c"):
        office.people.make(ADMIN, {"name": name, "role": "read_only"})
    page = office.people.list(ADMIN, limit=2)
    assert ([one.name for one in page.items], page.next) == (["a", "b"], "b")
    page = office.people.list(ADMIN, after="b", limit=2)
    assert ([one.name for one in page.items], page.next) == (["c"], None)
    with pytest.raises(Conflict, match="there already"):
        office.people.make(ADMIN, {"name": "a", "role": "admin"})


def test_o2_of_two_who_change_one_user_the_later_is_told(office: Office) -> None:
    office.people.make(ADMIN, {"name": "rod", "role": "read_only"})
    changed = office.people.change(ADMIN, "rod", {"client": "acme"}, version=1)
    assert (changed.version, changed.client) == (2, "acme")
    for stale in (
        lambda: office.people.change(ADMIN, "rod", {"client": None}, version=1),
        lambda: office.people.remove(ADMIN, "rod", version=1),
    ):
        with pytest.raises(Stale):
            stale()
    with pytest.raises(Invalid, match=r"^name: "):
        office.people.change(ADMIN, "rod", {"name": "other"})
    with pytest.raises(NotFound):
        office.people.change(ADMIN, "\x00", {"enabled": False})


def test_o2_every_change_is_audited(office: Office, engine: Engine) -> None:
    office.admin()
    office.people.make(ADMIN, {"name": "rod", "role": "read_only"})
    office.people.change(ADMIN, "rod", {"role": "admin"})
    office.people.link(ADMIN, "rod")
    office.people.end_sessions(ADMIN, "rod")
    office.people.remove(ADMIN, "rod")
    assert audited(engine) == [
        ("user:ada", "create", "ada"),
        ("user:ada", "log_in", "ada"),
        ("test", "create", "rod"),
        ("test", "change", "rod"),
        ("test", "invite", "rod"),
        ("test", "log_out", "rod"),
        ("test", "delete", "rod"),
    ]


def test_o2_a_client_that_has_a_user_stays(office: Office, store: Directory) -> None:
    office.people.make(ADMIN, {"name": "rod", "role": "client", "client": "acme"})
    with pytest.raises(Conflict, match="the user rod uses it"):
        store.delete(ADMIN, Kind.CLIENT, "acme")


def test_o6_a_client_resumes_on_pages_what_he_stopped_there(office: Office, engine: Engine) -> None:
    """By any of his users; what the operator stopped is the operator's."""
    office.people.make(ADMIN, {"name": "rod", "role": "client", "client": "acme"})
    stopping = Stopping(engine, now=lambda: office.now)
    rod = actor_of("rod", "client", "acme")
    for _ in range(2):
        stopping.stop(rod, StopScope.CLIENT, "acme")
        stopping.resume(actor_of("eve", "client", "acme"), StopScope.CLIENT, "acme")
    stopping.stop(actor_of("ada", "admin", None), StopScope.CLIENT, "acme")
    with pytest.raises(Forbidden, match="stopped by the operator"):
        stopping.resume(rod, StopScope.CLIENT, "acme")
