"""Checks a password that was typed, counts it where it is wrong, and locks out (SPEC A3).

Whoever guesses learns nothing from how long it takes: a number that is not on the list, one
without a password, one that is locked out and a wrong password all cost one look-up, one hash and
one count.
"""

from __future__ import annotations

from controller.callback.effects import CheckPassword
from controller.callback.events import PasswordChecked
from controller.callback.return_session import ReturnSession
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.runtime.services import Services
from controller.store.requests import Request


def verify(services: Services, session: ReturnSession, check: CheckPassword) -> PasswordChecked:
    """Check a password off the hub. Raises what the store raises; nothing was counted then."""
    extension = session.policy.extension
    numbers = _numbers(session, check)
    clock = services.clock
    locked = services.lockouts.locked(extension, numbers, session.did).until > clock.now()
    member = None
    stored = check.password_hash
    if check.member is not None:
        member = services.reads.run(services.conversing.member, extension, check.member)
        stored = _hash_of(member, check.password_hash)
    right = _is_right(services, check, stored)
    if right and not locked:
        # Many may have been wrong while this one waited for its hash.
        locked = services.lockouts.locked(extension, numbers, session.did).until > clock.now()
    if right and not locked:
        services.metrics.passwords.labels("right").inc()
        return PasswordChecked(check.step, right=True, member=member)
    services.metrics.passwords.labels("locked" if locked else "wrong").inc()
    after = services.lockouts.failed(extension, numbers, session.did)
    return PasswordChecked(check.step, right=False, locked=locked or after.until > clock.now())


def forget_wrong(services: Services, session: ReturnSession, check: CheckPassword) -> None:
    """Forget the wrong passwords of before: this one was right. One round trip, later.

    A5: only those for the member whose it was. Whoever knows one member's password could guess
    those of others for ever, if his telephone's count began anew each time.
    """
    whose = session.number if check.member is None else check.member
    services.lockouts.succeeded(session.policy.extension, (whose,) if whose else ())


def _numbers(session: ReturnSession, check: CheckPassword) -> tuple[str, ...]:
    """Give the numbers by which this is counted: who rang, and for whom he says he calls."""
    return tuple(dict.fromkeys(number for number in (session.number, check.member) if number))


def _hash_of(member: AuthorisedCaller | None, of_extension: str | None) -> str | None:
    """A5: what a member's password is checked against; nobody's is right where there is none."""
    return None if member is None else member.pin_hash or of_extension


def _is_right(services: Services, check: CheckPassword, stored: str | None) -> bool:
    digits = check.digits.reveal()
    if stored is None:
        return services.hashing.run_first(services.passwords.check_nobodys, digits)
    return services.hashing.run_first(services.passwords.check, digits, stored)


def locked_until(services: Services, request: Request, policy: Policy) -> int:
    """Give until when no password of this caller is heard (A3), microseconds since 1970; or 0."""
    if policy.password_hash is None and not _asks_a_caller(services, request, policy):
        return 0
    numbers = () if request.caller is None else (request.caller,)
    locks = services.lockouts.locked(request.extension, numbers, request.did)
    return int(locks.until * 1_000_000)


def _asks_a_caller(services: Services, request: Request, policy: Policy) -> bool:
    """Whether somebody's own password is asked for, or first who it is (A2, A5)."""
    if not policy.caller_passwords:
        return False
    facts = services.reads.run(services.conversing.facts, request.extension, request.caller, "")
    return facts.caller is None or facts.caller.pin_hash is not None
