"""Records before they are written: checked, their passwords hashed; and as they are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from controller.admin.model import Invalid, Kind
from controller.admin.shapes import MODELS, SECRETS, TIMES, not_shown
from controller.admin.wording import worded
from controller.policy.model import PolicyError
from controller.policy.moments import canonical
from controller.policy.rules import check_text, plain, validate
from controller.store.passwords import BadPassword, Passwords

#: What a stored hash looks like, as an export writes it.
#: Up to 1 GB, and 99 rounds: it is paid for with each call that is asked for a password.
_HASH: Final = re.compile(
    r"\$argon2id\$v=19\$m=[0-9]{1,6},t=[0-9]{1,2},p=[0-9]{1,2}"
    r"\$[A-Za-z0-9+/]{8,64}\$[A-Za-z0-9+/]{16,128}\Z",
    re.ASCII,
)


_Said = TypeVar("_Said")


def read(values: Mapping[str, Any], wanted: type[_Said]) -> _Said:
    """Read what was said of something that is no record, as this. Raises `Invalid`."""
    try:
        check_text(values)
        return msgspec.convert(dict(values), wanted)
    except msgspec.ValidationError as error:
        raise Invalid(worded(plain(str(error)), wanted)) from error
    except PolicyError as error:
        raise Invalid(str(error)) from error


def draft(
    kind: Kind,
    values: Mapping[str, Any],
    passwords: Callable[[], Passwords],
    *,
    hashes: bool,
) -> Any:  # noqa: ANN401  (the kind's model)
    """Make a record of what was given, its password hashed. Raises `Invalid`.

    `hashes`: a stored hash is taken as well; otherwise there is no such field.
    """
    given = dict(values)
    if kind in SECRETS:
        stored, clear = SECRETS[kind]
        if stored in given:
            _check_hash(stored, clear, given, hashes=hashes)
        given = hashed(kind, given, passwords)
    made = _made(kind, given)
    if kind is Kind.ACCOUNT and made.extension is None:
        # Only one whose owner was removed is nobody's any more.
        raise Invalid("extension: an account is somebody's; name the extension")
    return made


def hashed(
    kind: Kind, values: Mapping[str, Any], passwords: Callable[[], Passwords]
) -> dict[str, Any]:
    """Give the values with the hash in place of the password. Raises `Invalid`."""
    given = dict(values)
    if kind not in SECRETS:
        return given
    stored, clear = SECRETS[kind]
    if clear not in given:
        return given
    password = given.pop(clear)
    if password is None:
        given[stored] = None
        return given
    if not isinstance(password, str):
        raise Invalid(f"{clear}: write 4 to 20 digits, as text")
    try:
        given[stored] = passwords().hash(password)
    except BadPassword as error:
        raise Invalid(str(error).replace("password:", f"{clear}:", 1)) from error
    return given


def patched(
    kind: Kind, patch: Mapping[str, Any], passwords: Callable[[], Passwords]
) -> dict[str, Any]:
    """Give a patch for `merge`: a hash is in it only where a password was given.

    Raises `Invalid`: whoever could write a hash would know the password.
    """
    if kind in SECRETS and SECRETS[kind][0] in patch:
        stored, clear = SECRETS[kind]
        _check_hash(stored, clear, patch, hashes=False)
    return hashed(kind, patch, passwords)


def merge(kind: Kind, before: Any, patch: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Give a record with some fields changed; None brings a default back. Raises `Invalid`.

    `patch` comes from `patched`: it has a hash only where a password was given.
    """
    values = msgspec.to_builtins(before)
    for name, value in patch.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
    # The default is one of the numbers that are assigned, and goes with them.
    default = values.get("default_caller_id")
    if "caller_ids" in patch and "default_caller_id" not in patch:
        assigned = values.get("caller_ids", ())
        # What is no list is refused below.
        kept = isinstance(assigned, list | tuple) and default in assigned
        values["default_caller_id"] = default if kept else None
    return _made(kind, values)


def shown(kind: Kind, value: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give a record as it may be shown: whether there is a password, never its hash.

    What nothing acts on yet is not shown either: it could only have its default.
    """
    values: dict[str, Any] = msgspec.to_builtins(value)
    if kind in SECRETS:
        stored, clear = SECRETS[kind]
        values[f"{clear}_set"] = values.pop(stored) is not None
    for name in not_shown(kind):
        del values[name]
    return values


def _made(kind: Kind, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    try:
        if kind is Kind.EXTENSION:
            return validate(dict(values))
        check_text(values)
        made = msgspec.convert(_timed(kind, values), MODELS[kind])
        made.check()
    except msgspec.ValidationError as error:
        raise Invalid(worded(plain(str(error)), MODELS[kind])) from error
    except PolicyError as error:
        raise Invalid(worded(str(error), MODELS[kind])) from error
    return made


def _timed(kind: Kind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values with their times as they are kept; what is no time is the model's to say."""
    given = dict(values)
    for name in TIMES.get(kind, ()):
        if isinstance(given.get(name), str):
            with suppress(ValueError):
                given[name] = canonical(given[name])
    return given


def _check_hash(stored: str, clear: str, given: Mapping[str, Any], *, hashes: bool) -> None:
    if not hashes:
        raise Invalid(f"{stored}: there is no such setting; write {clear} in clear")
    if clear in given:
        raise Invalid(f"{stored}: {clear} is given too; write one of them")
    value = given[stored]
    if value is not None and not (isinstance(value, str) and _HASH.match(value)):
        raise Invalid(f"{stored}: is no argon2id hash as an export writes it; write {clear}")
