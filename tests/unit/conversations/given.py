"""What a row's settings, list and store mean: a policy, and a store that answers as told.

- `set`: `password 86420`; any setting of a policy by its name, such as `dial_seconds 20` or
  `destination_countries US GB`; one that is on or off is on by its name alone: `human_check`.
- `list`: `+12125550188 pin 97531 language de speed 1 +12125550123 preset +12125550124 off`, of
  which all but the number may be left out. A preset is for the DID of the call.
- `store`: `credit 12.50 EUR` of the extension (`unlimited`); `credit of +12125550188 3.20 EUR`;
  `last dialled +12125550123`, before this call; `locked out`; `locks out after 2 wrong`;
  `is away` (no credit is known); `does not answer` (nor said to be unknown);
  `passwords cannot be checked`; `passwords are checked for ever`; `time is not known`;
  `no channel is to be had`; `nothing is left to show`;
  `credit is too low`; `no rate is known`; `no more may be spent`; `20 s of dialogue are paid for`;
  `15 s of a call are paid for`;
  `passwords take 2 s` (0.2 s unless said); `answers after 2 s` (0.01 s unless said).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import msgspec

from controller.callback.effects import CheckPassword
from controller.callback.events import Credit, PasswordChecked
from controller.callback.return_session import ReturnSession
from controller.callerid.model import Shown
from controller.credit.model import Granted
from controller.policy.model import Policy, PolicyError
from controller.policy.records import AuthorisedCaller
from controller.policy.rules import validate
from controller.routing.model import Plan, Way

from .language import Row
from .moments import BadScript

DID: Final = "+12025550100"
#: What every extension of the table has.
LEAST: Final[dict[str, Any]] = {
    "extension": "100",
    "dids": [DID],
    "country": "US",
    "caller_ids": ["+12025550101"],
    "caller_id_name": "Acme",
}


class Keeper:
    """Has passwords behind what stands for their hashes; nothing that is shown holds digits."""

    def __init__(self) -> None:
        self._digits: dict[str, str] = {}

    def hash_of(self, digits: str) -> str:
        """Give what is stored of a password."""
        name = f"$argon2id${'abcdefghij'[len(self._digits)]}"
        self._digits[name] = digits
        return name

    def is_right(self, digits: str, stored: str | None) -> bool:
        """Whether a password is the one behind a hash."""
        return stored is not None and self._digits[stored] == digits

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every password there is."""
        return tuple(self._digits.values())


class Store:
    """The store, the lock-outs and what both answer."""

    def __init__(self, row: Row) -> None:
        self.keeper = Keeper()
        self.policy = _policy(row.settings, self.keeper)
        self.members = {
            member.number: member for member in (_member(line, self.keeper) for line in row.members)
        }
        self.last_dialled = ""
        self.wrong = 0
        self.check_seconds = 0.2
        self.look_up_seconds = 0.01
        self._locks_after: int | None = None
        #: M3, M4: how long the switch lets each leg last; None: as the policy does.
        self.dialogue_seconds: int | None = None
        self._call_seconds: int | None = None
        self._credit: dict[str, Credit] = {}
        self._is: set[str] = set()
        for line in row.store:
            self._take(line)

    def _take(self, line: str) -> None:
        if line in _CONDITIONS:
            self._is.add(line)
        elif found := _LAST.match(line):
            self.last_dialled = found[1]
        elif found := _LOCKS.match(line):
            self._locks_after = int(found[1])
        elif found := _TAKES.match(line):
            if found["what"] == "passwords take":
                self.check_seconds = float(found["seconds"])
            else:
                self.look_up_seconds = float(found["seconds"])
        elif found := _PAID.match(line):
            if found["what"] == "dialogue":
                self.dialogue_seconds = int(found["seconds"])
            else:
                self._call_seconds = int(found["seconds"])
        elif found := _CREDIT.match(line):
            micros = int(Decimal(found["amount"] or 0) * 1_000_000)
            self._credit[found["whose"] or ""] = Credit(
                micros, found["currency"] or "EUR", unlimited=not found["amount"]
            )
        else:
            raise BadScript(f"{line!r} is nothing that a store does; `given` says what is")

    def route(self, number: str) -> tuple[Plan, Granted | None]:
        """Give how a number is called: over one channel, showing the default number; and how long.

        M4: None: nobody pays.
        """
        for line, refusal in _REFUSALS.items():
            if line in self._is:
                return Plan(refusal=refusal), None
        shown = Shown(self.policy.default_caller_id or "", rule="I5")
        return Plan((Way("one", number.removeprefix("+"), shown),)), self._granted()

    # --- what it answers --------------------------------------------------------------------

    def entry(self, number: str) -> AuthorisedCaller | None:
        """Give a number's entry, where it is switched on."""
        member = self.members.get(number)
        return member if member is not None and member.enabled else None

    @property
    def is_locked(self) -> bool:
        """A3: whether no password is heard."""
        after = self._locks_after
        return "locked out" in self._is or (after is not None and self.wrong >= after)

    @property
    def answers(self) -> bool:
        """Whether it answers at all."""
        return "does not answer" not in self._is

    def credit(self, number: str | None) -> Credit | None:
        """Give what whoever pays has (M9)."""
        if "is away" in self._is:
            return None
        return self._credit.get(number or "") or self._credit.get("")

    def seconds(self, session: ReturnSession) -> int | None:
        """Give how long a call may last (D6)."""
        return None if "time is not known" in self._is else session.time_left

    def _granted(self) -> Granted | None:
        seconds = self._call_seconds
        if seconds is None:
            return None
        return Granted(
            charged=True,
            return_seconds=600,
            destination_seconds=seconds,
            lasts=seconds,
            more=False,
            serial=1,
        )

    def check(self, session: ReturnSession, check: CheckPassword) -> PasswordChecked | None:
        """Check a password as `runtime.verifying` does; None: no answer ever comes."""
        if "passwords are checked for ever" in self._is:
            return None
        if "passwords cannot be checked" in self._is:
            return PasswordChecked(check.step, right=None)
        locked, member, stored = self.is_locked, None, check.password_hash
        if check.member is not None:
            member = self.entry(check.member)
            stored = None if member is None else member.pin_hash or check.password_hash
        if self.keeper.is_right(check.digits.reveal(), stored) and not locked:
            return PasswordChecked(check.step, right=True, member=member)
        self.wrong += 1
        return PasswordChecked(check.step, right=False, locked=self.is_locked)


#: I2, I4: why a number cannot be called.
_REFUSALS: Final = {
    "no channel is to be had": "no_channel",
    "nothing is left to show": "no_caller_id",
    "credit is too low": "no_credit",
    "no rate is known": "no_rate",
    "no more may be spent": "spend_limit",
}
_CONDITIONS: Final = frozenset(
    {
        "locked out",
        "is away",
        "does not answer",
        "passwords cannot be checked",
        "passwords are checked for ever",
        "time is not known",
        *_REFUSALS,
    }
)
_LAST: Final = re.compile(r"last dialled (\+\d+)\Z", re.ASCII)
_LOCKS: Final = re.compile(r"locks out after (\d+) wrong\Z", re.ASCII)
_PAID: Final = re.compile(
    r"(?P<seconds>\d+) s of (?P<what>dialogue|a call) are paid for\Z", re.ASCII
)
_TAKES: Final = re.compile(
    r"(?P<what>passwords take|answers after) (?P<seconds>\d+(?:\.\d+)?) s\Z", re.ASCII
)
_CREDIT: Final = re.compile(
    r"credit (?:of (?P<whose>\+\d+) )?"
    r"(?:unlimited|(?P<amount>-?\d+\.\d\d) (?P<currency>[A-Z]{3}))\Z",
    re.ASCII,
)
_MEMBER: Final = re.compile(
    r"(?P<number>\+\d+)(?: pin (?P<pin>\d+))?(?: language (?P<language>\S+))?"
    r"(?P<speeds>(?: speed \d{1,2} \+\d+)*)(?: preset (?P<preset>\+\d+))?(?P<off> off)?\Z",
    re.ASCII,
)
#: Settings that hold several values.
_MANY: Final = frozenset(
    field.name for field in msgspec.structs.fields(Policy) if str(field.type).find("tuple") >= 0
)


def _policy(settings: tuple[str, ...], keeper: Keeper) -> Policy:
    values = dict(LEAST)
    for setting in settings:
        name, _, value = setting.partition(" ")
        if name == "password":
            if not value.isdecimal():
                raise BadScript(f"{setting!r}: a password is digits")
            values["password_hash"] = keeper.hash_of(value)
        elif name in _MANY:
            values[name] = value.split()
        else:
            values[name] = int(value) if value.isdecimal() else value or True
    try:
        return validate(values)
    except PolicyError as error:
        raise BadScript(f"cannot be set: {error}") from error


def _member(line: str, keeper: Keeper) -> AuthorisedCaller:
    found = _MEMBER.match(line)
    if found is None:
        raise BadScript(f"{line!r} is no entry of a list; `given` says how one is written")
    speeds = found["speeds"].split()
    return AuthorisedCaller(
        extension="100",
        number=found["number"],
        enabled=not found["off"],
        pin_hash=keeper.hash_of(found["pin"]) if found["pin"] else None,
        language=found["language"],
        speed_dials=dict(zip(speeds[1::3], speeds[2::3], strict=True)),
        presets={DID: found["preset"]} if found["preset"] else {},
    )
