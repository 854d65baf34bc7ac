"""Importing records: the whole is checked first, and written only if nothing is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import Engine

from controller.admin.bulk import Applied, Bulk
from controller.admin.document import ORDER, Given, Source, typed
from controller.admin.model import Actor, Invalid, Kind
from controller.admin.rehearsal import Rehearsal, Seen
from controller.admin.shapes import FIXED, SECRETS
from controller.admin.showing import Coming
from controller.store.passwords import Passwords

#: How many records are looked at together.
BATCH: Final = 1000
#: Each password that is hashed takes 64 MB meanwhile.
_MOST_THREADS: Final = 8
#: Stands for the hash of a password that is not hashed yet, or never will be: none gives it.
_NOT_HASHED: Final = f"$argon2id$v=19$m=65536,t=3,p=4${'A' * 22}${'A' * 43}"
#: What says of an extension whose numbers its DIDs are.
_NUMBERED: Final = ("extension", "client", "dids")
_DIGITS: Final = re.compile(r"[0-9]{4,20}\Z", re.ASCII)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a document, and where; `place` is empty for all of it."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class Refused(Exception):
    """An import that was not made: everything that is wrong, each with its place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


class Draft(msgspec.Struct):
    """A record that is to be written, before its password is settled.

    `password`: in clear, where one was given; `keep`: nothing was said of it, so that the one that
    is stored stays; `known`: it was said that there is one.
    """

    place: str
    record: Any
    password: str | None
    keep: bool
    known: bool


class Importer:
    """Checks and applies records over a `Directory`.

    `passwords` gives what hashes passwords; `hashed` is told of each that was settled.
    """

    def __init__(
        self,
        directory: Bulk,
        engine: Engine,
        actor: Actor,
        *,
        passwords: Callable[[], Passwords],
        hashed: Callable[[], None] = lambda: None,
    ) -> None:
        self._directory = directory
        self._rehearsal = Rehearsal(engine, actor, directory.now)
        self._actor = actor
        self._passwords = passwords
        self._hashed = hashed

    def run(self, source: Source, *, dry_run: bool) -> dict[Kind, Applied]:
        """Import a document, or say what an import would do. Raises `Refused`, `Unreadable`."""
        problems = [Problem("", message) for message in source.problems()]
        seen = Seen()
        seen.expect(_told_of_numbers(source))
        for kind in ORDER:
            problems += self.check(kind, source.given(kind), seen)
        if problems:
            raise Refused(problems)
        return {
            kind: self.apply(kind, source.given(kind), dry_run=dry_run, coming=seen.coming)
            for kind in ORDER
        }

    def before(self, kind: Kind, records: Sequence[Any]) -> list[Any]:
        """Give what each of these records is in the store; None where it is not there."""
        return self._rehearsal.before(kind, records)

    # --- checking ----------------------------------------------------------------------------

    def check(self, kind: Kind, records: Iterable[Given], seen: Seen) -> list[Problem]:
        """Give everything that is wrong with records, each with its place.

        `seen`: what was checked before of the same document, and may be referred to.
        """
        problems: list[Problem] = []
        for batch in batches(records):
            drafts: list[Draft] = []
            for given in batch:
                try:
                    drafts.append(self._draft(given))
                except Invalid as error:
                    problems.append(Problem(given.place, str(error)))
                    # Others may refer to it: that it is wrong is said once.
                    seen.broken(kind, given.values)
                    continue
                problems += [
                    Problem(given.place, message) for message in seen.add(kind, drafts[-1].record)
                ]
            told = {_about(problem) for problem in problems}
            found = self._contradictions(kind, drafts, seen)
            problems += [problem for problem in found if _about(problem) not in told]
        return problems

    def _contradictions(self, kind: Kind, drafts: Sequence[Draft], seen: Seen) -> Iterator[Problem]:
        records = [draft.record for draft in drafts]
        for draft, prior in zip(drafts, self.before(kind, records), strict=True):
            if draft.known and (prior is None or getattr(prior, SECRETS[kind][0]) is None):
                clear = SECRETS[kind][1]
                yield Problem(
                    draft.place,
                    f"{clear}: there is to be one, which neither the document nor the store has; "
                    f"write {clear}, or export with secrets",
                )
            for name in FIXED.get(kind, ()):
                if prior is not None and getattr(prior, name) != getattr(draft.record, name):
                    yield Problem(
                        draft.place, f"{name}: is {getattr(prior, name)} already, and never changes"
                    )
        for index, message in self._rehearsal.troubles(kind, records, seen):
            yield Problem(drafts[index].place, message)

    def _draft(self, given: Given) -> Draft:
        kind = given.kind
        values = typed(kind, given.values)
        if kind not in SECRETS:
            return Draft(given.place, self._prepare(kind, values), None, False, False)
        stored, clear = SECRETS[kind]
        said, known = clear in values or stored in values, values.pop(f"{clear}_set", False)
        password = values.get(clear)
        if not isinstance(known, bool):
            raise Invalid(f"{clear}_set: write true or false")
        if known is False or said:
            known = False
        if password is not None:
            if not isinstance(password, str) or not _DIGITS.match(password):
                raise Invalid(f"{clear}: write 4 to 20 digits; that is what a phone can type")
            if stored in values:
                raise Invalid(f"{clear}: {stored} is given too; write one of them")
            # Whether it must be hashed is seen when it is compared with the one that is stored.
            values[stored] = _NOT_HASHED
            del values[clear]
        return Draft(given.place, self._prepare(kind, values), password, not said, known)

    def _prepare(self, kind: Kind, values: dict[str, Any]) -> Any:  # noqa: ANN401  (a model)
        return self._directory.prepare(self._actor, kind, values)

    # --- applying ----------------------------------------------------------------------------

    def apply(
        self,
        kind: Kind,
        records: Iterable[Given],
        *,
        dry_run: bool,
        coming: Coming | None = None,
        told: Callable[[Any, Any], None] = lambda before, after: None,
    ) -> Applied:
        """Write records that were checked, or say what that would do.

        `coming`: the document that they are part of, where there is more of it. `told`: as of
        `Bulk.apply`.
        """
        total = Applied()
        for batch in batches(records):
            drafts = [self._draft(given) for given in batch]
            if kind in SECRETS:
                self._settle(kind, drafts, dry_run=dry_run)
            total += self._directory.apply(
                self._actor,
                kind,
                [draft.record for draft in drafts],
                dry_run=dry_run,
                coming=coming,
                told=told,
            )
        return total

    def _settle(self, kind: Kind, drafts: Sequence[Draft], *, dry_run: bool) -> None:
        """Give each record its hash: the stored one wherever that is right."""
        stored = SECRETS[kind][0]
        priors = self.before(kind, [draft.record for draft in drafts])
        to_settle: list[tuple[Draft, str | None]] = []
        for draft, prior in zip(drafts, priors, strict=True):
            now = getattr(prior, stored) if prior is not None else None
            if draft.password is not None:
                to_settle.append((draft, now))
            elif draft.keep and now is not None:
                draft.record = msgspec.structs.replace(draft.record, **{stored: now})
        if not to_settle:
            return
        # Before the threads: the first to ask for it makes the pepper.
        passwords = self._passwords()

        def settle(draft: Draft, now: str | None) -> str:
            assert draft.password is not None
            if now is not None and _is(passwords, draft.password, now):
                return now
            return _NOT_HASHED if dry_run else passwords.hash(draft.password)

        threads = min(os.cpu_count() or 1, _MOST_THREADS)
        with ThreadPoolExecutor(threads) as pool:
            hashes = pool.map(settle, *zip(*to_settle, strict=True))
            for (draft, _), made in zip(to_settle, hashes, strict=True):
                draft.record = msgspec.structs.replace(draft.record, **{stored: made})
                self._hashed()


def _told_of_numbers(source: Source) -> Iterator[dict[str, Any]]:
    """Give of each extension whose it is and how it is reached; what is wrong is told later."""
    for given in source.given(Kind.EXTENSION):
        known = {name: value for name, value in given.values.items() if name in _NUMBERED}
        with suppress(Invalid):
            yield typed(Kind.EXTENSION, known)


def _about(problem: Problem) -> tuple[str, str]:
    """Tell two messages that say the same: the store is asked what the document has told too."""
    return problem.place, problem.message.partition(" reaches extension ")[0]


def _is(passwords: Passwords, password: str, stored: str) -> bool:
    try:
        return passwords.check(password, stored)
    except ValueError:
        # What is stored is no hash, and no password is right: it is replaced.
        return False


def batches(records: Iterable[Given]) -> Iterator[list[Given]]:
    """Give records some at a time."""
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH)):
        yield batch
