"""What the operator keeps besides policies: bounds, and errors that begin with the field."""

from __future__ import annotations

from typing import Any

import iso4217
import msgspec
import pytest

from controller.policy.channels import (
    Channel,
    HiddenIdentity,
    NumberFormat,
    RefusalCause,
    Transport,
)
from controller.policy.fields import (
    MOST_MICROS,
    IdentityHeader,
    currency_digits,
    is_currency,
)
from controller.policy.model import PolicyError
from controller.policy.records import (
    RECORDS_NOT_YET,
    Account,
    AuthorisedCaller,
    Client,
    Entry,
    EntryKind,
    PublicNumber,
    Role,
    SoundFile,
    Token,
)
from controller.policy.rules import plain

#: The least that makes a record of each kind.
LEAST: dict[type[Any], dict[str, Any]] = {
    Client: {"name": "acme"},
    AuthorisedCaller: {"extension": "100", "number": "+12125550199"},
    Channel: {"name": "pstn"},
    PublicNumber: {"number": "+12025550150", "channel": "pstn"},
    Account: {"extension": "100", "currency": "USD"},
    Entry: {"key": "a", "amount": 1},
    SoundFile: {"name": "over"},
    Token: {"name": "page", "role": "admin"},
}


def make(model: type[Any], **values: object) -> Any:
    """Make a record as `admin` does. Raises `PolicyError` for whatever is wrong with it."""
    try:
        made = msgspec.convert({**LEAST[model], **values}, model)
    except msgspec.ValidationError as error:
        raise PolicyError(plain(str(error))) from error
    made.check()
    return made


def test_what_is_not_set_has_its_default() -> None:
    assert make(Client) == Client(name="acme", description="", contact_name="", enabled=True)
    assert make(AuthorisedCaller) == AuthorisedCaller(
        extension="100",
        number="+12125550199",
        enabled=True,
        pin_hash=None,
        callback_number=None,
        language=None,
        speed_dials={},
        presets={},
        notes="",
    )
    assert make(Channel) == Channel(
        name="pstn",
        description="",
        addresses=(),
        identity=(IdentityHeader.FROM,),
        country=None,
        rewrite={},
        refusal_cause=RefusalCause.USER_BUSY,
        trust_callers=False,
        # I4: it takes all numbers at any time, as digits, as many calls as there are.
        enabled=True,
        destinations={},
        priority=10,
        hours=(),
        time_zone="UTC",
        concurrent_calls=None,
        progress_seconds=15,
        number_format=NumberFormat.DIGITS,
        dial_prefix="",
        caller_id_format=NumberFormat.DIGITS,
        # I7
        domain=None,
        hidden_identity=HiddenIdentity.OMIT,
        # Its gateway is written by hand.
        proxy=None,
        transport=Transport.UDP,
        username=None,
        register=False,
        ping_seconds=None,
    )
    assert make(Channel).destinations is not make(Channel).destinations
    assert make(Account).unlimited is False
    assert make(PublicNumber).client is None
    assert make(SoundFile).client is None
    assert make(Entry).kind is EntryKind.TOP_UP
    assert make(Token).expires is None


def test_what_is_right_is_taken_to_its_bounds() -> None:
    make(Client, name="a" * 32, contact_name="x" * 40, description="x" * 200)
    make(Client, callbacks={"minute": 0, "hour": 5, "day": 1_000_000}, concurrent_calls=1)
    make(
        AuthorisedCaller,
        extension="0123456789",
        number="+12345",
        callback_number="+123456789012345",
        language="pt-BR",
        speed_dials={str(n): "+12125550100" for n in range(100)}
        | {f"0{n}": "+12125550100" for n in range(10)},
        presets={"+12025550100": "+12125550100"},
        notes="x" * 1999 + "\n",
    )
    make(Channel, name="A_b.c-9" + "x" * 57)
    make(
        Channel,
        addresses=[f"192.0.{n // 256}.{n % 256}" for n in range(998)] + ["::/0", "2001:db8::1/128"],
        identity=["p-asserted-identity", "remote-party-id", "p-preferred-identity", "from"],
        country="DE",
        rewrite={str(n): "" for n in range(98)} | {"": "+" + "9" * 15, "+" + "9" * 15: ""},
        refusal_cause="CALL_REJECTED",
        trust_callers=True,
    )
    make(
        Channel,
        enabled=False,
        destinations={f"+{n}": n for n in range(1, 10_000)} | {"+": MOST_MICROS},
        priority=1000,
        hours=["mon 00:00-24:00", "sat-sun 22:00-02:00", "fri-mon 23:59-00:00"],
        time_zone="Europe/Berlin",
        concurrent_calls=100_000,
        progress_seconds=60,
        number_format="national",
        dial_prefix="0" * 15,
        caller_id_format="plus",
        country="DE",
        domain="sip.example.com",
        hidden_identity="private",
        proxy="sip.example.com:65535",
        transport="tls",
        username="A9_.+~@-",
        register=True,
        ping_seconds=3600,
    )
    make(
        Channel,
        priority=1,
        concurrent_calls=1,
        progress_seconds=1,
        destinations={"+9" + "9" * 14: 0},
    )
    for proxy in ("x", "192.0.2.1", "192.0.2.1:1", "[2001:db8::1]", "[::1]:5061", "a" * 128):
        make(Channel, proxy=proxy, ping_seconds=5, transport="tcp")
        make(Channel, proxy=proxy, register=True, username="acct")
    make(SoundFile, name="A" + "_.-9" * 15, language="de", path="/" + "x" * 511)
    make(Entry, key="A9_.:/+-", amount=-MOST_MICROS, kind="correction")
    make(Entry, key="x" * 64, amount=MOST_MICROS)
    make(Token, role="client", client="acme", expires=0)
    make(Token, role="read_only", client="acme", expires=10**11)
    make(Token, role="read_only")


WRONG: list[tuple[type[Any], dict[str, Any], str]] = [
    (Client, {"name": ""}, "name: is not written as it has to be: A client: small letters"),
    (Client, {"name": "Acme"}, "name: is not written as it has to be: A client: small letters"),
    (Client, {"name": "a" * 33}, "name: is not written as it has to be"),
    (Client, {"name": "a/b"}, "name: is not written as it has to be"),
    (Client, {"contact_name": "Bob's"}, "contact_name: is not written as it has to be: At most 40"),
    (Client, {"description": "a\r\nb"}, "description: is not written as it has to be: One line"),
    (Client, {"description": "x" * 201}, "description: expected `str` of length <= 200"),
    (Client, {"colour": "red"}, "colour: there is no such setting"),
    (Client, {"blocked_countries": ["GB", "GB"]}, "blocked_countries: GB stands twice; name each"),
    (Client, {"blocked_countries": ["AA"]}, "blocked_countries: 'AA' is no country; write two"),
    (Client, {"blocked_prefixes": ["+1", "+1"]}, "blocked_prefixes: +1 stands twice; name each"),
    (Client, {"blocked_prefixes": ["900"]}, "blocked_prefixes[0]: is not written as it has to be"),
    (
        Client,
        {"blocked_types": ["premium"]},
        "blocked_types[0]: invalid enum value 'premium'; write one of: fixed, mobile,",
    ),
    (
        Client,
        {"callbacks": {"minute": 9, "day": 5}},
        "callbacks: 9 in a minute cannot be reached where 5 in a day are the most; write at most 5",
    ),
    (Client, {"callbacks": {"week": 5}}, "callbacks.week: there is no such setting"),
    (Client, {"blocked_types": ["voip", "voip"]}, "blocked_types: voip stands twice; name each"),
    (AuthorisedCaller, {"extension": "1a"}, "extension: is not written as it has to be"),
    (AuthorisedCaller, {"number": "2125550199"}, "number: is not written as it has to be: E.164"),
    (AuthorisedCaller, {"number": None}, "number: expected `str`"),
    (AuthorisedCaller, {"callback_number": "x"}, "callback_number: is not written as it has to be"),
    (AuthorisedCaller, {"language": "EN"}, "language: is not written as it has to be: ISO 639"),
    (AuthorisedCaller, {"language": "xx"}, "language: there are no prompts in 'xx'; write one of"),
    (
        AuthorisedCaller,
        {"speed_dials": {"100": "+12125550100"}},
        "speed_dials: is not written as it has to be: One or two digits",
    ),
    (
        AuthorisedCaller,
        {"speed_dials": {"1": "100"}},
        "speed_dials[...]: is not written as it has to be: E.164",
    ),
    (
        AuthorisedCaller,
        {"presets": {"100": "+12125550100"}},
        "presets: is not written as it has to be: E.164",
    ),
    (
        AuthorisedCaller,
        {"presets": {f"+1202555{n:04}": "+12125550100" for n in range(1001)}},
        "presets: expected `object` of length <= 1000",
    ),
    (AuthorisedCaller, {"notes": "x" * 2001}, "notes: expected `str` of length <= 2000"),
    (AuthorisedCaller, {"notes": "\x00"}, "notes: is not written as it has to be: Text of any"),
    (AuthorisedCaller, {"notes": "\x1b[2J"}, "notes: is not written as it has to be"),
    (AuthorisedCaller, {"enabled": "true"}, "enabled: expected `bool`"),
    (Channel, {"name": "a b"}, "name: is not written as it has to be: A channel"),
    (Channel, {"name": "a/b"}, "name: is not written as it has to be: A channel"),
    (Channel, {"name": "x" * 65}, "name: is not written as it has to be: A channel"),
    *(
        (
            Channel,
            {"addresses": [text]},
            f"addresses: {text!r} is no network; write 192.0.2.10 or 19",
        )
        for text in (
            "192.0.2.1/24",
            "192.0.2.1:5060",
            "192.0.2.300",
            "192.0.2",
            "192.0.2.0/33",
            "2001:db8::/129",
            "::::",
        )
    ),
    *(
        (Channel, {"addresses": [text]}, "addresses[0]: is not written as it has to be: An address")
        for text in ("", "trunk.example", "192.0.2.0/", "192.0.2.1\n", "1/1111")
    ),
    (Channel, {"addresses": ["::1", "::1"]}, "addresses: ::1 stands twice; name each once"),
    (Channel, {"addresses": ["::1"] * 1001}, "addresses: expected `array` of length <= 1000"),
    (Channel, {"addresses": "::1"}, "addresses: expected `array`"),
    (Channel, {"identity": []}, "identity: expected `array` of length >= 1"),
    (Channel, {"identity": ["from"] * 5}, "identity: expected `array` of length <= 4"),
    (Channel, {"identity": ["from", "from"]}, "identity: from stands twice; name each once"),
    (Channel, {"identity": ["diversion"]}, "identity[0]: invalid enum value 'diversion'"),
    (Channel, {"country": "de"}, "country: is not written as it has to be: ISO 3166, two capitals"),
    (Channel, {"country": "XX"}, "country: 'XX' is no country; write two capitals of ISO 3166: US"),
    *(
        (
            Channel,
            {"rewrite": {text: "+"}},
            "rewrite: is not written as it has to be: A plus and dig",
        )
        for text in ("0-0", "++", "x", "0" * 16, " ", "\uff10", "0\n", "${x}")
    ),
    *(
        (Channel, {"rewrite": {"00": text}}, "rewrite[...]: is not written as it has to be: A plus")
        for text in ("0-0", "++", "x", "0" * 16, " ", "\uff10", "0\n", "${x}")
    ),
    (
        Channel,
        {"rewrite": {str(n): "" for n in range(101)}},
        "rewrite: expected `object` of length <= 100",
    ),
    (Channel, {"refusal_cause": "NORMAL_CLEARING"}, "refusal_cause: invalid enum value 'NORMAL_C"),
    *(
        (Channel, {"destinations": {text: 1}}, "destinations: is not written as it has to be: The")
        for text in ("", "49", "+0", "++", "+49\n", "+1" * 8, "x", "${x}")
    ),
    (Channel, {"destinations": {"+": -1}}, "destinations[...]: expected `int` >= 0"),
    (Channel, {"destinations": {"+": "1"}}, "destinations[...]: expected `int`"),
    (Channel, {"destinations": {"+": MOST_MICROS + 1}}, "destinations[...]: expected `int` <= 1"),
    (
        Channel,
        {"destinations": {f"+{n}": 0 for n in range(1, 10_002)}},
        "destinations: expected `object` of length <= 10000",
    ),
    (Channel, {"priority": 0}, "priority: expected `int` >= 1"),
    (Channel, {"priority": 1001}, "priority: expected `int` <= 1000"),
    (Channel, {"concurrent_calls": 0}, "concurrent_calls: expected `int` >= 1"),
    (Channel, {"progress_seconds": 0}, "progress_seconds: expected `int` >= 1"),
    (Channel, {"progress_seconds": 61}, "progress_seconds: expected `int` <= 60"),
    (Channel, {"ping_seconds": 4, "proxy": "x"}, "ping_seconds: expected `int` >= 5"),
    (Channel, {"ping_seconds": 3601, "proxy": "x"}, "ping_seconds: expected `int` <= 3600"),
    *(
        (Channel, {"hours": [text]}, "hours[0]: is not written as it has to be: Days and times: ")
        for text in (
            "",
            "mon",
            "08:00-18:00",
            "Mon 08:00-18:00",
            "mon-fri 8:00-18:00",
            "mon 08:00-24:01",
            "mon 24:00-08:00",
            "mon,tue 08:00-18:00",
            "mon-fri  08:00-18:00",
            "mon 08:00-18:00\n",
        )
    ),
    (
        Channel,
        {"hours": ["mon 08:00-08:00"]},
        "hours: 'mon 08:00-08:00' would end as they begin; write 00:00-24:00 for a whole day",
    ),
    (Channel, {"hours": ["mon 08:00-09:00"] * 2}, "hours: mon 08:00-09:00 stands twice; name each"),
    (Channel, {"hours": ["mon 08:00-09:00"] * 51}, "hours: expected `array` of length <= 50"),
    (Channel, {"time_zone": "Europe/Nowhere"}, "time_zone: 'Europe/Nowhere' is no time zone; writ"),
    (Channel, {"number_format": "e164"}, "number_format: invalid enum value 'e164'"),
    *(
        (Channel, {field: "national"}, f"{field}: `national` numbers are written by a country's ")
        for field in ("number_format", "caller_id_format")
    ),
    (Channel, {"dial_prefix": "+"}, "dial_prefix: is not written as it has to be: Digits put"),
    (Channel, {"dial_prefix": "0" * 16}, "dial_prefix: is not written as it has to be: Digits put"),
    (
        Channel,
        {"dial_prefix": "0", "number_format": "plus"},
        "dial_prefix: nothing can stand before a plus; write number_format `digits`",
    ),
    *(
        (Channel, {"domain": text}, "domain: is not written as it has to be: A domain: example.com")
        for text in ("", "a b", "example.com:5060", "-x", "x.", "a" * 129, "ex>ample", "a\n")
    ),
    (Channel, {"hidden_identity": "maybe"}, "hidden_identity: invalid enum value 'maybe'"),
    *(
        (Channel, {"proxy": text}, "proxy: is not written as it has to be: A host, with its port ")
        for text in ("", "sip:x", "x;transport=tcp", "::1", "[::1", "x:", "x:123456", "a b", "x\n")
    ),
    (Channel, {"proxy": "x:0"}, "proxy: 0 is no port; write 1 to 65535"),
    (Channel, {"proxy": "[::1]:65536"}, "proxy: 65536 is no port; write 1 to 65535"),
    (Channel, {"proxy": "[1:2]"}, "proxy: '1:2' is no address of IPv6; write [2001:db8::1]"),
    (Channel, {"proxy": "[1.2.3.4]:5060"}, "proxy: '1.2.3.4' is no address of IPv6"),
    (Channel, {"transport": "ws"}, "transport: invalid enum value 'ws'"),
    *(
        (Channel, values, f"{next(iter(values))}: is of a gateway that we write, and that needs to")
        for values in ({"transport": "tls"}, {"username": "acct"}, {"ping_seconds": 30})
    ),
    *(
        (
            Channel,
            {"proxy": "x", "username": text},
            "username: is not written as it has to be: A name that a trunk knows us by",
        )
        for text in ("", "a b", 'a"', "<a>", "a&b", "a" * 65, "a\n")
    ),
    (Channel, {"register": True}, "proxy: a gateway that registers needs it; set it"),
    (
        Channel,
        {"register": True, "proxy": "x"},
        "username: a gateway that registers needs it; set it",
    ),
    (Channel, {"password": "x"}, "password: there is no such setting"),
    (PublicNumber, {"number": "anonymous"}, "number: is not written as it has to be: E.164"),
    (PublicNumber, {"channel": ""}, "channel: is not written as it has to be"),
    (PublicNumber, {"client": ""}, "client: is not written as it has to be"),
    (Account, {"currency": "usd"}, "currency: is not written as it has to be: ISO 4217"),
    (Account, {"currency": "ZZZ"}, "currency: 'ZZZ' is none of ISO 4217; write three capitals"),
    # Gold is in the list, and nothing is paid in it.
    (Account, {"currency": "XAU"}, "currency: 'XAU' is none of ISO 4217"),
    (Account, {"balance": 5}, "balance: there is no such setting"),
    (Account, {"unlimited": 1}, "unlimited: expected `bool`"),
    (SoundFile, {"name": "-x"}, "name: is not written as it has to be: Letters, digits"),
    (SoundFile, {"name": "../x"}, "name: is not written as it has to be: Letters, digits"),
    (SoundFile, {"path": "a b"}, "path: is not written as it has to be: A sound file's path"),
    (SoundFile, {"language": None}, "language: expected `str`"),
    (Token, {"name": "cli:root"}, "name: is not written as it has to be: Letters, digits"),
    (Token, {"role": "root"}, "role: invalid enum value 'root'"),
    (Token, {"role": "client"}, "client: a token of role `client` is one client's; name it"),
    (
        Token,
        {"role": "admin", "client": "acme"},
        "client: a token of role `admin` is for all clients; leave it out, or write role `client`",
    ),
    (Token, {"expires": -1}, "expires: expected `int` >= 0"),
    (Token, {"expires": 10**11 + 1}, "expires: expected `int` <= 100000000000"),
    (Token, {"hash": "x"}, "hash: there is no such setting"),
]


@pytest.mark.parametrize(("model", "values", "says"), WRONG)
def test_a_wrong_record_is_refused_by_its_field(
    model: type[Any], values: dict[str, Any], says: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        make(model, **values)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("model", "field"),
    [(model, field) for model, least in LEAST.items() for field in least],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_field_without_a_default_is_named_where_it_is_missing(
    model: type[Any], field: str
) -> None:
    values = {name: value for name, value in LEAST[model].items() if name != field}
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(values, model)
    assert plain(str(caught.value)) == f"{field}: is missing; it has no default"


def test_m1_every_currency_that_is_counted_has_its_digits() -> None:
    for code, digits in (("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)):
        assert is_currency(code)
        assert currency_digits(code) == digits
    for code in ("XAU", "XXX", "usd", "", "US", "DEM "):
        assert not is_currency(code)
        with pytest.raises(KeyError):
            currency_digits(code)
    # A millionth of the unit is enough for each.
    assert max(currency.exponent or 0 for currency in iso4217.Currency) <= 6


def test_the_roles_are_those_of_spec() -> None:
    """O2."""
    assert {role.value for role in Role} == {"admin", "client", "read_only"}


def test_what_nothing_acts_on_yet_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(name="acme", concurrent_calls=5, contact_name="Acme")
    client.check()
    kind: type[msgspec.Struct] = Client
    monkeypatch.setitem(RECORDS_NOT_YET, kind, {"contact_name": "I1"})
    with pytest.raises(PolicyError, match=r"^contact_name: is not built in this release \(I1\)"):
        client.check()
    Client(name="acme", concurrent_calls=5).check()
