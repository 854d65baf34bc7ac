"""A4, O7: what is taken out of what is given to others, and what is left."""

from __future__ import annotations

import pytest

from controller.commands.masking import Masking

UUID = "0b8c1f2e-6f0d-4a53-9d0e-212555019912"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("redis://:hunter2@host:6379/0", "redis://(removed)@host:6379/0"),
        ("postgresql://me:x%40y@host/db", "postgresql://(removed)@host/db"),
        ("postgresql://me:aB3/x#Y?9+q==@host/db", "postgresql://(removed)@host/db"),
        ("redis://:pa@ss@host/0 said a@b", "redis://(removed)@host/0 said a@b"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer (removed)"),
        ("token cbd_abc-DEF_1 is", "token (removed) is"),
        ("$argon2id$v=19$m=1,t=2$c2FsdA$aGFzaA x", "(removed) x"),
        ('{"user_pin": "1234", "x": 1', '{"user_pin": "(removed)", "x": 1'),
        ("password=a b pin=1234;x", "password=(removed) b pin=(removed);x"),
        ("http://h/welcome/s3cret", "http://h/welcome/(removed)"),
        ("{'pin': '1234', 'x': 1}", "{'pin': '(removed)', 'x': 1}"),
        ('"pin": 1234, "x": 1', '"pin": (removed), "x": 1'),
        ("password: hunter2", "password: (removed)"),
        ('password = "x" y', 'password = "(removed)" y'),
        ("password='a b' c", "password='(removed)' c"),
        ('password="a\\"b" c', 'password="(removed)" c'),
        ('"password": "cut off', '"password": "(removed)'),
        (r"{\"password\": \"x\", \"y\"", r"{\"password\": \"(removed)\", \"y\""),
        ("PGPASSWORD=x psql", "PGPASSWORD=(removed) psql"),
        ("passwd: s3", "passwd: (removed)"),
        ("api_key=abc&x=1 X-Api-Key: k3y", "api_key=(removed)&x=1 X-Api-Key: (removed)"),
        ("pin_hash=ab; pins=['1', '2'] z", "pin_hash=(removed); pins=(removed) z"),
        ("authorization: Basic YWRtaW46eHg=", "authorization: Basic (removed)"),
        ("-H 'Basic YWRtaW46eHg'", "-H 'Basic (removed)'"),
        ("Cookie: theme=dark; session=abc", "Cookie: (removed)"),
        ('"set-cookie": "session=abc; Path=/", "x"', '"set-cookie": "(removed)", "x"'),
        # What only speaks of one stays.
        ("basic information, session: none", "basic information, session: none"),
        ("pin: '', password=", "pin: '', password="),
        ("it opens 3 sessions: 12", "it opens 3 sessions: 12"),
        ("[[nodes]] password, and apply-inbound-acl", "[[nodes]] password, and apply-inbound-acl"),
        ("discovery.password: is not set", "discovery.password: is not set"),
    ],
)
def test_a4_what_looks_like_a_secret_goes(text: str, left: str) -> None:
    masking = Masking()
    assert masking.text(text) == left
    assert masking.secrets == left.count("(removed)")


def test_a4_secrets_that_are_known_go_wherever_they_stand() -> None:
    """A4: a long one inside of words too; a short one where it stands alone."""
    masking = Masking(["longer-one", "longer", "ab1"])
    assert masking.text("xlonger-oney longer ab1 cab12") == "x(removed)y (removed) (removed) cab12"
    assert masking.value({"ab1": ["longer", 5, None, {"pin": "7", "token": ""}]}) == {
        "(removed)": ["(removed)", 5, None, {"pin": "(removed)", "token": ""}]
    }


def test_a4_a_secret_of_which_a_part_is_known_goes_whole() -> None:
    assert Masking(["known1"]).text("pin=known1xyz password='a known1 b' token=d") == (
        "pin=(removed) password='(removed)' token=(removed)"
    )


def test_a4_what_has_the_name_of_a_secret_goes_whatever_it_is() -> None:
    """A4: in data too; not what says only whether there is one."""
    names = ("pin", "user_pin", "pins", "pin_hash", "passwd", "apiKey", "session", "X-Api-Key")
    found = Masking().value(dict.fromkeys(names, 1234) | {"token": {"a": ["x", 1.5]}})
    assert found == dict.fromkeys(names, "(removed)") | {"token": {"a": ["(removed)"] * 2}}
    left = {"password": True, "secret": None, "token": "", "sessions": 3, "pinned": 12}
    assert Masking().value(left) == left


@pytest.mark.parametrize(
    "text",
    [
        UUID,
        f"{UUID}/1",
        "2026-11-30T10:00:00.123456Z",
        "1.11.1-release",
        "192.0.2.17:8021",
        "0x1234567890",
        "1.23456789e+08",
        "revision 0011, 200000 rows",
        "2026-11-30T10:00:00+0100 up",
        "10.120.130.140:8021 1.000.000",
        "2000 3000 400 5000 sps",
        "a+b+1 0x00ab12345678",
    ],
)
def test_o7_what_is_no_number_is_left(text: str) -> None:
    assert Masking().text(text) == text


def test_o7_numbers_are_masked_and_can_be_told_apart() -> None:
    masking = Masking()
    first, again, other = masking.text("+12125550199 12125550199 sip:0049301234567@h").split()
    assert first.startswith("+121\N{HORIZONTAL ELLIPSIS}")
    assert first[-4:] == again[-4:] != other[-6:-2]
    assert "2125550199" not in first + again
    assert "1234567" not in other
    assert masking.numbers == 3
    # By another key elsewhere, so that nobody can look them up.
    assert len({Masking().text("+12125550199") for _ in range(8)}) > 1
    assert Masking(numbers=True).text("+12125550199 a") == "+12125550199 a"


@pytest.mark.parametrize(
    "written",
    [
        "%2B4930901820", "sip%3A12125550199", "tel%3a004930901820", "+49 30 901820",
        "+49 (0) 30 / 901820", "+1-212-555-0199", "+1 (212) 555-0199", "212-555-0199",
        "(212) 555-0199", "1.212.555.0199", "+49301", "x+12125550199", "00 49 30 901820",
        "+4930901820-9301", "+49 30 901820 12125550199", "+49 30 901820 +12125550199",
    ],
)  # fmt: skip
def test_o7_a_number_is_masked_however_it_is_written(written: str) -> None:
    masked = Masking().text(f"to {written} now")
    assert masked.startswith("to ")
    assert masked.endswith(" now")
    for rest in ("901820", "5550199", "555-0199", "555.0199", "9301"):
        assert rest not in masked


def test_o7_marks_are_of_the_digits_alone() -> None:
    written = ("+1 (212) 555-0199", "%2B12125550199", "0012125550199", "1-212-555-0199")
    masking = Masking()
    assert len({masking.text(one)[-4:] for one in (*written, "12125550199")}) == 1


def test_o7_numbers_in_data_need_be_no_text() -> None:
    found = Masking().value({"caller": 12125550199, "number": [12125550199], "did": 4930901820})
    assert "5550199" not in repr(found)
    assert "901820" not in repr(found)
    left = {"at": 1764500000000000, "rows": 12345678, "number": 3, "destination": True}
    assert Masking().value(left) == left
    whole = Masking(numbers=True).value({"caller": 12125550199})
    assert whole == {"caller": 12125550199}


def test_o7_of_metrics_what_is_counted_is_left() -> None:
    line = 'callbackd_x{number="+12125550199"} 1234567890'
    masked = Masking().figures(line)
    assert masked.endswith(" 1234567890")
    assert "12125550199" not in masked
