"""What a policy must keep beyond its types, and what of it nothing acts on yet.

Every error names the field, says what is wrong with it, and what to write instead.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from controller.numbers.e164 import is_country, is_of_no_country
from controller.policy import fields
from controller.policy.endings import CAUSES, is_final
from controller.policy.fields import Again, NumberType, Rate, ReturnCalls, ShownFrom
from controller.policy.model import Policy, PolicyError
from controller.policy.quiet import is_time_zone
from controller.prompts.catalogue import NAMES, known_as, languages

#: Fields that nothing acts on yet, with the rule that will. They can only have their defaults:
#: what is stored and ignored is worse than what is refused. Whoever builds a rule strikes its
#: fields from here.
NOT_YET: Final[dict[str, str]] = {}

#: Lists of countries.
_COUNTRIES: Final = ("return_countries", "destination_countries", "blocked_countries")
#: Lists of beginnings of numbers.
_PREFIXES: Final = ("return_prefixes", "destination_prefixes", "blocked_prefixes")

#: Lists of kinds of number.
_TYPES: Final = ("return_types", "destination_types", "blocked_types")

#: The default of each field that has one.
DEFAULTS: Final[dict[str, Any]] = {
    field.name: field.default_factory()
    if field.default_factory is not msgspec.NODEFAULT
    else field.default
    for field in msgspec.structs.fields(Policy)
    if not field.required
}


def validate(values: dict[str, Any]) -> Policy:
    """Make a policy of plain values. Raises `PolicyError`, which names the field and the remedy.

    The default CallerID is the first number assigned, where none is set.
    """
    check_text(values)
    try:
        policy = msgspec.convert(values, Policy)
    except msgspec.ValidationError as error:
        raise PolicyError(plain(str(error))) from error
    if policy.default_caller_id is None and policy.caller_ids:
        policy = msgspec.structs.replace(policy, default_caller_id=policy.caller_ids[0])
    check(policy)
    refuse_what_nothing_acts_on(policy)
    return policy


def check_text(values: Mapping[str, Any]) -> None:
    """Check that all text can be written. Raises `PolicyError`.

    Half a surrogate pair is what Python makes of bytes that are no UTF-8, in an argument say, and
    of a careless escape in JSON: no database takes it.
    """
    for name, value in values.items():
        if not _is_text(name) or not _is_text(value):
            written = name.encode("ascii", "backslashreplace").decode()
            raise PolicyError(
                f"{written}: holds half a character (a lone surrogate); write it anew, in UTF-8"
            )


def _is_text(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() or _SURROGATE.search(value) is None
    if isinstance(value, Mapping):
        return all(_is_text(key) and _is_text(inner) for key, inner in value.items())
    return not isinstance(value, list | tuple) or all(map(_is_text, value))


_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def check(policy: Policy) -> None:
    """Check what fields must keep together. Raises `PolicyError`."""
    for field in ("dids", "caller_ids", *_COUNTRIES, *_PREFIXES, *_TYPES):
        once(field, getattr(policy, field))
    check_country("country", policy.country)
    check_language("language", policy.language)
    for field in _COUNTRIES:
        check_countries(field, getattr(policy, field))
    for field in ("return_prefixes", "destination_prefixes"):
        _check_prefixes(field, getattr(policy, field))
    _check_return_calls(policy)
    _check_quiet_hours(policy)
    _check_retries(policy)
    _check_shown(policy)
    _check_prompts(policy)
    for rate in (
        "callbacks_per_number",
        "callbacks_per_block",
        "callbacks_per_did",
        "callbacks_per_extension",
        "unanswered_per_block",
        "unanswered_per_extension",
    ):
        check_rate(rate, getattr(policy, rate))
    if policy.credit_query_again and not policy.credit_query:
        raise PolicyError(
            "credit_query_again: the credit cannot be heard again where it cannot be heard at all; "
            "set credit_query too"
        )


def effective(
    policy: Policy,
    *,
    contact_name: str,
    client_enabled: bool,
    blocked_countries: Iterable[str] = (),
    blocked_prefixes: Iterable[str] = (),
    blocked_types: Iterable[NumberType] = (),
) -> Policy:
    """Give the policy as calls go by it: with what its client says to it.

    A client that is off switches its extensions off; the name shown is its contact name where the
    extension says so, or has none of its own (I1), or the call came with none (`equipment`). What
    the client blocks is blocked besides what the extension does (G2).
    """
    named = policy.caller_id_name_from is ShownFrom.CUSTOM and policy.caller_id_name
    return msgspec.structs.replace(
        policy,
        enabled=policy.enabled and client_enabled,
        caller_id_name=policy.caller_id_name if named else contact_name,
        blocked_countries=tuple(dict.fromkeys((*policy.blocked_countries, *blocked_countries))),
        blocked_prefixes=tuple(dict.fromkeys((*policy.blocked_prefixes, *blocked_prefixes))),
        blocked_types=tuple(dict.fromkeys((*policy.blocked_types, *blocked_types))),
    )


def _check_return_calls(policy: Policy) -> None:
    fixed = policy.return_calls is ReturnCalls.FIXED
    if fixed and policy.fixed_number is None:
        raise PolicyError(
            "fixed_number: return_calls `fixed` needs the number that is always called; set it"
        )
    if policy.fixed_number is not None and not fixed:
        raise PolicyError(
            "fixed_number: is called only where return_calls is `fixed`; set that, or leave the "
            "number out"
        )
    if policy.fixed_number in policy.dids:
        raise PolicyError(
            f"fixed_number: {policy.fixed_number} is a DID of this extension, which would ring "
            "itself for ever; write the number of the person who is to be called"
        )
    if policy.early_hang_up_seconds > policy.ring_seconds:
        raise PolicyError(
            f"early_hang_up_seconds: {policy.early_hang_up_seconds} is longer than the call rings "
            f"(ring_seconds: {policy.ring_seconds}); write at most that"
        )


def _check_prefixes(field: str, prefixes: tuple[str, ...]) -> None:
    for prefix in prefixes:
        if is_of_no_country(prefix):
            raise PolicyError(
                f"{field}: {prefix} is of no country (satellites, global services), and those are "
                "never called in this release (G2); leave it out"
            )


def _check_quiet_hours(policy: Policy) -> None:
    if (policy.quiet_from is None) != (policy.quiet_until is None):
        missing = "quiet_from" if policy.quiet_from is None else "quiet_until"
        raise PolicyError(
            f"{missing}: quiet hours have a beginning and an end; set both quiet_from and "
            "quiet_until, or neither"
        )
    if policy.quiet_from is not None and policy.quiet_from == policy.quiet_until:
        raise PolicyError(
            "quiet_until: the quiet hours would end as they begin; to call nobody back, switch the "
            "extension off (enabled)"
        )
    if not is_time_zone(policy.time_zone):
        raise PolicyError(
            f"time_zone: {policy.time_zone!r} is no time zone; write one of the IANA's list: "
            "Europe/Berlin"
        )


def _check_retries(policy: Policy) -> None:
    for cause, again in policy.retry_causes.items():
        if cause not in CAUSES:
            raise PolicyError(
                f"retry_causes: {cause} is no hang-up cause of FreeSWITCH; write one by its name: "
                "USER_BUSY"
            )
        if is_final(cause) and again is not Again.NEVER:
            raise PolicyError(
                f"retry_causes: {cause} says that nobody wants the call or that there is no such "
                "number, and is never tried again (T5); leave it out"
            )


def _check_shown(policy: Policy) -> None:
    custom = policy.caller_id_number_from is ShownFrom.CUSTOM
    if custom and policy.caller_id_number is None:
        raise PolicyError(
            "caller_id_number: caller_id_number_from `custom` needs the number that is shown; "
            "set it"
        )
    if policy.caller_id_number is not None and not custom:
        raise PolicyError(
            "caller_id_number: is shown only where caller_id_number_from is `custom`; set that, "
            "or leave the number out (default_caller_id is the one of the assigned numbers)"
        )
    if policy.caller_id_name and policy.caller_id_name_from is not ShownFrom.CUSTOM:
        raise PolicyError(
            "caller_id_name: is shown only where caller_id_name_from is `custom`; set that, or "
            "leave the name out"
        )
    if policy.default_caller_id is None:
        if not policy.hide_caller_id and not custom:
            raise PolicyError(
                "caller_ids: no number is assigned, so that no call could be made (I2: nothing is "
                "ever invented); assign one of the client's public numbers"
            )
    elif policy.default_caller_id not in policy.caller_ids:
        raise PolicyError(
            f"default_caller_id: {policy.default_caller_id} is not assigned to this extension; "
            "write one of caller_ids, or add it there"
        )


def _check_prompts(policy: Policy) -> None:
    for name in policy.prompts:
        if name not in NAMES:
            raise PolicyError(
                f"prompts.{name}: there is no such prompt; write one of: {', '.join(sorted(NAMES))}"
            )


def check_rate(field: str, rate: Rate) -> None:
    """Check that each window's number can be reached. Raises `PolicyError`."""
    if rate.trouble is not None:
        raise PolicyError(f"{field}: {rate.trouble}")


def refuse_what_nothing_acts_on(policy: Policy) -> None:
    """Refuse, by name, what is set and would be ignored. Raises `PolicyError`."""
    for field, rule in NOT_YET.items():
        value = getattr(policy, field)
        if value != DEFAULTS[field]:
            raise not_yet(field, rule)


def not_yet(field: str, rule: str) -> PolicyError:
    """Give the error for a setting that nothing acts on yet."""
    return PolicyError(
        f"{field}: is not built in this release ({rule}) and would be ignored; leave it out"
    )


def check_country(field: str, code: str) -> None:
    """Check that a country is one. Raises `PolicyError`."""
    if not is_country(code):
        raise PolicyError(f"{field}: {code!r} is no country; write two capitals of ISO 3166: US")


def check_countries(field: str, codes: tuple[str, ...]) -> None:
    """Check that all countries of a list are some. Raises `PolicyError`."""
    for code in codes:
        check_country(field, code)


def check_language(field: str, language: str) -> None:
    """Check that prompts can be said in a language. Raises `PolicyError`."""
    if known_as(language) is None:
        raise PolicyError(
            f"{field}: there are no prompts in {language!r}; write one of: {', '.join(languages())}"
        )


def once(field: str, values: tuple[str, ...]) -> None:
    """Check that nothing stands twice in a list. Raises `PolicyError`."""
    if len(set(values)) != len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise PolicyError(f"{field}: {twice} stands twice; name each once")


def plain(message: str) -> str:
    """Turn what msgspec says of a field into the field first, and how it is written."""
    text, _, path = message.partition(" - at `")
    unknown = _UNKNOWN.match(text)
    if unknown is not None:
        return f"{_dotted(path, unknown[1])}: there is no such setting; look for a typing error"
    missing = _MISSING.match(text)
    if missing is not None:
        return f"{_dotted(path, missing[1])}: is missing; it has no default"
    field = _dotted(path)
    pattern = _PATTERN.search(text)
    if pattern is None:
        text = f"{text[:1].lower()}{text[1:]}"
        if text.startswith("invalid enum value") and field.partition("[")[0] in _TYPES:
            text += f"; write one of: {', '.join(NumberType)}"
        if text.endswith("`int`, got `float`"):
            text += "; write a whole number, and money in millionths of the currency's unit"
    else:
        described = WRITTEN.get(ast.literal_eval(pattern[1]))
        text = "is not written as it has to be" + (f": {described}" if described else "")
    return f"{field}: {text}" if field else text


def _dotted(path: str, last: str = "") -> str:
    """Give the field that msgspec's path means: `key` in `$.prompts` is about prompts."""
    place = path.rpartition("$")[2].strip("`. ")
    return ".".join(part for part in (place, last) if part)


_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`\Z", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`\Z")
_PATTERN: Final = re.compile(r"matching regex ('.*'|\".*\")\Z", re.DOTALL)
#: What each pattern of `fields` means to people: its description.
WRITTEN: Final[dict[str, str]] = {
    meta.pattern: meta.description
    for kind in vars(fields).values()
    for meta in getattr(kind, "__metadata__", ())
    if isinstance(meta, msgspec.Meta) and meta.pattern and meta.description
}
