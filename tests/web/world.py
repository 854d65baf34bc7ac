"""The world of the API's tests: two clients in a database, tokens of every kind, the API."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from flask import Flask
from sqlalchemy import Engine, select
from werkzeug.test import Client as Browser

from controller.admin.call_records import CallRecords
from controller.admin.callback_shapes import StopScope
from controller.admin.callbacks import Callbacks
from controller.admin.directory import Directory
from controller.admin.explaining import Explaining
from controller.admin.lockouts import Keeper, LockoutDesk
from controller.admin.model import Actor, Kind
from controller.admin.node_shapes import KnownNode, Source, controllers_shown
from controller.admin.nodes import NodeDesk
from controller.admin.persons import PersonDesk
from controller.admin.stopping import Stopping
from controller.admin.suspicions import Suspecting
from controller.cache.lock_memory import LockMemory
from controller.cache.lockouts import Locks
from controller.guard.locking import Listed, Rules, Tally, Target, targets
from controller.guard.members import Member, Seen
from controller.guard.patterns import Pattern, Sighting, Subject
from controller.guard.ranges import shipped
from controller.policy.records import Role
from controller.settings import Route
from controller.sounds.converting import convert
from controller.sounds.model import Converted
from controller.store import schema
from controller.store.database import Away
from controller.store.passwords import Passwords
from controller.store.sounds import NewFile, keep_audio
from controller.store.suspicions import Suspicions
from controller.web.api.application import create_api
from controller.web.api.records import Run
from tests.sounding import recording
from tests.unit.store.called import keep_leg

ADMIN: Final = Actor(name="cli:test", role=Role.ADMIN)
BASE: Final = "/api/v1"
#: Extensions of the platform have four digits; emergency calls are not connected.
ROUTE: Final = Route(internal_gateway="pbx", internal_lengths=(4,))
#: When the rates of the world began.
SINCE: Final = "2026-01-01T00:00:00.000000Z"
#: The parts that the API is made with: a world has one of each, by its name.
PARTS: Final = tuple(
    name
    for name, said in inspect.signature(create_api).parameters.items()
    if said.kind is said.POSITIONAL_OR_KEYWORD
)
#: Long enough to be nothing else by chance.
PASSWORD: Final = "73914682015734"
PIN: Final = "84027519364820"
#: What every hash of a password begins with, in whatever encoding.
HASH: Final = b"argon2id$"


class Answer(msgspec.Struct):
    """An answer of the API."""

    status: int
    headers: dict[str, str]
    body: bytes
    #: Whose token was shown, and all that was said to the API.
    token: str | None = None
    asked: str = ""

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)

    @property
    def keys(self) -> list[str]:
        """What the items of a page are called: the first field of each."""
        return [str(next(iter(item.values()))) for item in self.json["items"]]

    @property
    def whole(self) -> bytes:
        """All that was said."""
        head = "\n".join(f"{name}: {value}" for name, value in self.headers.items())
        return head.encode() + b"\n\n" + self.body


def at_once(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Run what blocks where it is called: nothing else is to be done meanwhile."""
    return function(*args, **kwargs)


class Memory(Passwords):
    """Hashes as the real one does, and each password once: it takes a tenth of a second."""

    @cache  # noqa: B019  (there is one of them)
    def hash(self, password: str) -> str:
        """Hash a password."""
        return super().hash(password)


@cache
def converted() -> Converted:
    """What is heard of sounds that were uploaded."""
    return convert(recording())


PASSWORDS: Final = Memory(bytes(32))


class Broken:
    """What the API works with, and can be made to fail in every call."""

    #: What all of them fail with, in a list of one; empty: they do not.
    def __init__(self, real: object, errors: list[Exception]) -> None:
        self._real = real
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._errors and name != "authenticate":
                raise self._errors[0]
            return method(*args, **kwargs)

        return call


class OwnMemory:
    """Lock-outs of one process: what is in Redis otherwise. Its time stands still."""

    def __init__(self, now: int) -> None:
        self._now = now // 1000
        self._memory = LockMemory(Rules())

    def wrong(self, extension: str, numbers: tuple[str, ...], did: str) -> None:
        """Count a wrong password."""
        for target in targets(extension, numbers, did):
            self._memory.wrong(target, self._now)

    def listed(self, after: str, limit: int) -> Listed:
        """Give what is counted, after a key."""
        known = [p for p in self._memory.all(self._now) if p[0].key > after and p[1].counts]
        more = known[limit - 1][0].key if len(known) > limit else None
        return Listed(tuple(known[:limit]), more, everywhere=True)

    def get(self, target: Target) -> Tally:
        """Give what is known of a target."""
        return self._memory.get(target, self._now)

    def locked(self, extension: str, numbers: Sequence[str], did: str) -> Locks:
        """Give until when a caller is locked out."""
        found = targets(extension, numbers, did)
        return Locks(max(self._memory.get(one, self._now).until for one in found) / 1000)

    def release(self, target: Target) -> bool:
        """Forget a target."""
        self._memory.release(target, self._now, owed=False)
        return True


class World:
    """Two clients, `acme` and `bolt`, each with one of everything; tokens of every kind.

    Of bolt's callbacks one is stopped; nothing of acme's is. Each of them had two wrong passwords,
    which lock their callers where one process counts.

    Nothing secret may ever be said: `check` looks through all that was.
    """

    def __init__(
        self,
        engine: Engine,
        run: Run = at_once,
        like: World | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self.engine = engine
        #: Microseconds since 1970, and seconds that never go back: each goes on when it is moved.
        self.now = 1_795_000_000_000_000
        self.clock = 0.0
        self.faults = 0
        #: How often the time had gone on when all was there.
        self.ticked: int = 0 if like is None else like.ticked
        self._ticks = itertools.count(self.ticked)
        self.directory = Directory(engine, passwords=lambda: PASSWORDS, now=self._now)
        self.callbacks = Callbacks(engine, now=self._now, expiry_seconds=900, ranges=shipped())
        self.calls = CallRecords(engine)
        self.stopping = Stopping(engine, now=self._now)
        self.suspecting = Suspecting(engine, now=self._now)
        own = OwnMemory(self.now)
        for digit in ("1", "2") * 2:
            own.wrong(f"{digit}001", (f"+120255506{digit}0",), f"+120255502{digit}0")
        self.lockouts = LockoutDesk(engine, keeper or own, run=run, now=self._now)
        self.explaining = Explaining(
            engine,
            ROUTE,
            expiry_seconds=900,
            ranges=shipped(),
            run=run,
            now=self._now,
            locks=own,
            troubles=lambda: {"fs1": {}},
        )
        here = Member("one", "run", address="192.0.2.1:8084", web="192.0.2.1:8085", legs=3)
        gone = Seen(Member("two", "run"), -5_000)
        self.nodes = NodeDesk(
            engine,
            now=self._now,
            most_calling=10,
            known=lambda: {
                "fs1": KnownNode(Source.CONFIGURED, linked=True, core="core-of-fs1"),
                "fs2": KnownNode(Source.DISCOVERED, linked=False),
            },
            controllers=lambda: controllers_shown([gone], self.now, there=[here]),
        )
        self.persons = PersonDesk(
            engine, run=run, now=self._now, announce=lambda change: None, traces=None
        )
        #: What the API fails with, from now on; empty: nothing.
        self.errors: list[Exception] = []
        #: When the dispatcher was told that something is due, seconds since 1970.
        self.due: list[float] = []
        self.tokens: dict[str, str] = {}
        #: Secrets that were told once, where they had to be.
        self.told: list[str] = []
        self.answers: list[Answer] = []
        if like is None:
            self._fill()
            self.ticked = next(self._ticks)
        else:
            # Its database is a copy.
            self.tokens.update(like.tokens)
            self.acme_account, self.bolt_account = like.acme_account, like.bolt_account
            self.acme_callback, self.bolt_callback = like.acme_callback, like.bolt_callback
            self.acme_leg, self.bolt_leg = like.acme_leg, like.bolt_leg
        broken: list[Any] = [Broken(getattr(self, name), self.errors) for name in PARTS]
        self.app: Flask = create_api(
            *broken,
            run=run,
            away=Away,
            on_fault=self._fault,
            on_callback=self.due.append,
            clock=lambda: self.clock,
        )
        self._browser = Browser(self.app)

    def _now(self) -> int:
        return self.now + next(self._ticks)

    def _fault(self) -> None:
        self.faults += 1

    def make(self, kind: Kind, **values: Any) -> str:
        """Make a record as an administrator, and give its key."""
        return self.directory.create(ADMIN, kind, values).key

    def issue(self, name: str, role: Role, client: str | None = None, **more: Any) -> str:
        """Issue a token, and give its secret."""
        values = {"name": name, "role": role.value, "client": client, **more}
        secret = self.directory.issue_token(ADMIN, values)[1]
        self.tokens[name] = secret
        return secret

    def _fill(self) -> None:
        self.make(Kind.PRICE_LIST, name="retail", currency="EUR")
        self.make(Kind.PRICE_LIST, name="spare", currency="USD")
        for prefix in ("+", "+49"):
            self.make(Kind.RATE, price_list="retail", prefix=prefix, since=SINCE, per_minute=12_500)
        self.make(Kind.CHANNEL, name="pstn", description="all")
        self.make(Kind.SOUND, name="shared", path="/everybody.wav")
        for client, digit in (("acme", "1"), ("bolt", "2")):
            number = f"+120255501{digit}0"
            extension = f"{digit}001"
            self.make(Kind.CLIENT, name=client, description=f"{client}-said", contact_name=client)
            self.make(Kind.NUMBER, number=number, channel="pstn", client=client)
            # In the pool, and not assigned.
            self.make(Kind.NUMBER, number=f"+120255501{digit}1", channel="pstn", client=client)
            self.make(
                Kind.EXTENSION,
                extension=extension,
                client=client,
                dids=[f"+120255502{digit}0"],
                country="US",
                caller_ids=[number],
                description=f"{client}-extension",
                sound_before_disconnecting=f"/{client}-end.wav",
                password=PASSWORD,
            )
            caller = f"+120255503{digit}0"
            self.make(
                Kind.CALLERID,
                extension=extension,
                number=caller,
                notes=f"{client}-notes",
                pin=PIN,
                speed_dials={"1": f"+120255504{digit}0", "2": f"+120255504{digit}1"},
            )
            account = self.make(
                Kind.ACCOUNT, extension=extension, currency="EUR", description=f"{client}-money"
            )
            setattr(self, f"{client}_account", account)
            if client == "bolt":
                paid = {"price_list": "retail"}
                self.directory.change(ADMIN, Kind.ACCOUNT, account, paid)
            entry = {"key": f"{client}-first", "amount": 5_000_000, "notes": f"{client}-paid"}
            self.directory.add_entry(ADMIN, account, entry)
            self.make(Kind.SOUND, name=client, path=f"/{client}.wav", client=client)
            self.make(Kind.SOUND, name=f"heard-{client}", client=client)
            self.hear(f"heard-{client}")
            asked = {"extension": extension, "number": f"+120255505{digit}0", "key": f"{client}-1"}
            setattr(self, f"{client}_callback", self.callbacks.ask(ADMIN, asked).callback.id)
            leg = keep_leg(
                self.engine,
                int(digit),
                request=getattr(self, f"{client}_callback"),
                extension=extension,
                client=client,
                caller=f"+120255505{digit}0",
                number=f"+120255507{digit}0",
                shown=number,
                account=account,
                node="fs1-of-ours",
                channel="pstn",
            )
            setattr(self, f"{client}_leg", leg)
            subject = Subject(Pattern.SHORT_ANSWERS, f"{extension}/+120255508{digit}0")
            self.suspect(
                7_700_000 + int(digit),
                subject,
                extension=extension,
                client=client,
                said=f"{client}-short",
            )
            self.issue(client, Role.CLIENT, client)
            self.issue(f"{client}-reads", Role.READ_ONLY, client)
        self.stopping.stop(ADMIN, StopScope.EXTENSION, "2001", reason="bolt-stopped")
        several = Subject(Pattern.MANY_EXTENSIONS, "+12025550899")
        self.suspect(7_700_003, several, blocks=True, said="both")
        self.issue("admin", Role.ADMIN)
        self.issue("reads", Role.READ_ONLY)

    def suspect(self, id_: int, subject: Subject, **values: Any) -> None:
        """Have something looked at as fraud; an id that is found in no other number."""
        seen = {"blocks": False, "extension": None, "client": None, "at": self._now(), **values}
        Suspicions(self.engine, now=self._now).saw([Sighting(subject=subject, **seen)])
        table = schema.suspicion
        with self.engine.begin() as connection:
            connection.execute(table.update().where(table.c.subject == subject.name).values(id=id_))

    def hear(self, name: str) -> None:
        """Give a sound an audio, as an upload does; converting one takes a while."""
        made = converted()
        files = [NewFile(file.rate, file.sha256, file.data) for file in made.files]
        with self.engine.begin() as connection:
            keep_audio(connection, made.id, made.milliseconds, files, now=self.now)
            connection.execute(
                schema.sound.update()
                .where(schema.sound.c.name == name)
                .values(audio=made.id, uploaded_name=f"{name}.ogg")
            )

    acme_account: str
    bolt_account: str
    #: Pending.
    acme_callback: str
    bolt_callback: str
    #: A leg of each callback.
    acme_leg: str
    bolt_leg: str

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "admin",
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """Ask the API: `body` is sent as JSON, `raw` as it is; `token` is the name of one."""
        said = {} if token is None else {"Authorization": f"Bearer {self.tokens[token]}"}
        data = raw
        if isinstance(body, bytes):
            data = body
        elif body is not None:
            data = msgspec.json.encode(body)
            said["Content-Type"] = "application/json"
        got = self._browser.open(
            path if path.startswith("/api/") else BASE + path,
            method=method,
            data=data,
            headers={**said, **(headers or {})},
        )
        answer = Answer(
            status=got.status_code,
            headers={name.lower(): value for name, value in got.headers.items()},
            body=got.get_data(),
            token=token,
            asked=unquote(f"{path} {headers} {(data or b'').decode('latin-1')}"),
        )
        self.answers.append(answer)
        return answer

    def get(self, path: str, token: str | None = "admin", **headers: str) -> Answer:
        """Ask with GET."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("GET", path, token=token, headers=named)

    def patch(self, path: str, body: Any, match: str | None = "*", token: str = "admin") -> Answer:
        """Ask with PATCH."""
        headers = {} if match is None else {"If-Match": match}
        return self.ask("PATCH", path, body, token=token, headers=headers)

    def check(self) -> None:
        """Check that nothing secret was said, and that nothing of it is in the audit log."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(schema.audit.c.before, schema.audit.c.after)).all()
        log = "\n".join(text for row in rows for text in row if text is not None).encode()
        everything = [answer.whole for answer in self.answers]
        for text in (*everything, log):
            check_secret_free(text, self.tokens.values())
        for answer in self.answers:
            if answer.token in ("acme", "acme-reads"):
                self.check_own(answer)
        for secret in self.told:
            times = sum(text.count(secret.encode()) for text in everything)
            assert times == 1, "a secret was told more often than once"
            assert secret.encode() not in log

    @property
    def marks(self) -> list[str]:
        """What tells of bolt: its words, names and numbers; each found nowhere else."""
        numbers = [f"+120255501{end}" for end in ("20", "21")]
        others = [f"+120255502{end}" for end in ("20",)]
        dialled = ["+12025550320", "+12025550420", "+12025550421", "+12025550520", "+12025550620"]
        dialled.append("+12025550720")
        ids = [self.bolt_account, self.bolt_callback, self.bolt_leg]
        return ["bolt", '"2001', "2001/", *ids, *numbers, *others, *dialled]

    def check_own(self, answer: Answer) -> None:
        """Check that acme was told nothing of bolt that it had not said itself."""
        # A sound is no text.
        whole = answer.whole.decode(errors="replace")
        for mark in self.marks:
            if mark.strip('"/') not in answer.asked:
                assert mark not in whole, (answer.asked, answer.body)


def check_secret_free(text: bytes, tokens: Any) -> None:
    """Check that there is no password, PIN, hash or token's secret in a text."""
    assert PASSWORD.encode() not in text
    assert PIN.encode() not in text
    assert HASH not in text
    for secret in tokens:
        assert secret.encode() not in text
        assert sha256(secret.encode()).hexdigest().encode() not in text


def is_problem(answer: Answer, status: int, name: str | None = None) -> dict[str, Any]:
    """Check that an answer is a problem of this status and type, and give it."""
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json
    assert problem["status"] == status
    assert problem["type"] == ("about:blank" if name is None else f"/problems/{name}")
    assert problem["title"]
    return problem


RFC_3339: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z\Z")
