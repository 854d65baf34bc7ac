"""What is said to FreeSWITCH: nothing from outside can be more than the value it is (G1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.esl import commands
from controller.esl.commands import Route
from controller.esl.errors import UnsafeText
from tests import abuse

from .splitting import Dialled, dialled, words

HOSTILE = [*abuse.CASES["caller_id_number"], *abuse.CASES["caller_id_name"], *abuse.CASES["digits"]]
HOSTILE += [
    "x,origination_uuid=1", "x',b='1", "x\\", "x\\'", "^^:a=1:b=2", "~evil=1", "x~evil=1",
    "a:_:b", "x}{evil=1", "${x}", "$${x}", "`id`", " x ", "a, b", "'", "\\n", "a\tb", "a\r\n\r\nb",
    "=", "a=b", "undef", "ARRAY::a|:b", "x&park", "&system(id)", "x;y", '"', "\x7f", "\x85",
]  # fmt: skip
ROUTES = [Route("one", "12125550199"), Route("two", "+442079460000", {"origination_uuid": "B-1"})]
OTHER = {"origination_uuid": "A-1", "execute_on_answer": "sched_hangup +60 ALLOTTED_TIMEOUT"}
any_text = st.text(st.sampled_from("ab1 ,|[]{}<>'\"\\^$%`~:_=&;.()/+-é\n\0") | st.characters())


def by_bridge(common: dict[str, str], routes: list[Route]) -> Dialled:
    """Send it with `bridge`, and read it as the switch would."""
    head, _, body = commands.bridge(common, routes, "id-1").decode().partition("\n\n")
    assert head.split("\n")[2] == "execute-app-name: bridge"
    return dialled(body)


def by_originate(common: dict[str, str], routes: list[Route]) -> Dialled:
    """Send it with `bgapi originate`, whose words are split first."""
    sent = commands.originate(
        common, routes, extension="return_call", context="callback", job_uuid="job-1"
    ).decode()
    line, job, *end = sent.split("\n")
    assert (job, end) == ("Job-UUID: job-1", ["", ""])
    assert line.startswith("bgapi originate ")
    first, *rest = words(line.removeprefix("bgapi originate "))
    assert rest == ["return_call", "XML", "callback"]
    return dialled(first)


both_ways = pytest.mark.parametrize("send", [by_bridge, by_originate])
Send = Callable[[dict[str, str], list[Route]], Dialled]


def held(variables: dict[str, str]) -> dict[str, str]:
    """What the switch keeps of variables: no spaces at the ends, nothing that is empty."""
    return {name: value.strip(" ") for name, value in variables.items() if value.strip(" ")}


def attack(send: Send, value: str) -> None:
    """Send a value in every place of a dial string: refused, or read back as one value."""
    common = {"callback_leg": "return", "name": value, **OTHER}
    plain = [({}, "sofia/gateway/one/12125550199"),
             (held(dict(ROUTES[1].variables)), "sofia/gateway/two/+442079460000")]  # fmt: skip
    try:
        assert send(common, ROUTES) == Dialled(held(common), plain)
    except UnsafeText:
        assert value  # no value is always fine
    try:
        own = {"origination_uuid": "C-1", "name": value, "last": "1"}
        got = send(OTHER, [Route("one", "12125550199", own), *ROUTES[1:]])
        assert got == Dialled(held(OTHER), [(held(own), plain[0][1]), plain[1]])
    except UnsafeText:
        assert value  # no value is always fine
    for route in (Route("one", value), Route(value, "12125550199")):
        try:
            got = send(OTHER, [route, *ROUTES[1:]])
        except UnsafeText:
            continue
        leg = f"sofia/gateway/{route.gateway}/{route.number}"
        assert got == Dialled(held(OTHER), [({}, leg), plain[1]])


@both_ways
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:40])
def test_a_hostile_value_in_a_dial_string_is_refused_or_one_value(send: Send, value: str) -> None:
    """G1, with every caller id, name and string of digits of the abuse cases."""
    attack(send, value)


@both_ways
@example(value=" ")
@example(value=" a ")
@given(value=any_text)
def test_any_text_in_a_dial_string_is_refused_or_one_value(send: Send, value: str) -> None:
    attack(send, value)


@both_ways
def test_commas_in_a_value_set_no_other_variable(send: Send) -> None:
    """G1: `originate` drops quotes when it splits its words, so quotes hold no comma there."""
    causes = "USER_BUSY,NO_ANSWER,origination_uuid=stolen"
    got = send({"fail_on_single_reject": causes, "name": "Doe, J", **OTHER}, ROUTES)
    assert got.variables == {"fail_on_single_reject": causes, "name": "Doe, J", **OTHER}


def test_a_dial_string_is_written_as_the_field_writes_it() -> None:
    text = commands.dial_string({"a": "1", "b": "two words"}, [*ROUTES, Route("g", "1")])
    assert text == (
        "{a=1,b='two words'}sofia/gateway/one/12125550199"
        "|[origination_uuid=B-1]sofia/gateway/two/+442079460000|sofia/gateway/g/1"
    )
    assert commands.dial_string({}, [Route("g", "1")]) == "sofia/gateway/g/1"
    assert commands.dial_string({"a": "1,2"}, [Route("g", "1")]) == "{^^~a=1,2}sofia/gateway/g/1"


def test_a_dial_string_needs_a_route() -> None:
    with pytest.raises(UnsafeText):
        commands.dial_string({}, [])


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a,b", "1a", "a]", "é", "a\n", "x[0]"])
def test_a_variable_has_a_plain_name(name: str) -> None:
    for build in (
        lambda: commands.dial_string({name: "1"}, ROUTES),
        lambda: commands.set_variables("id", {name: "1"}),
        lambda: commands.set_sound("id", name, "a.wav"),
    ):
        with pytest.raises(UnsafeText):
            build()


@pytest.mark.parametrize(
    "number", ["", "+", "12a", "1 2", "\uff11\uff12", "٣", "1" * 33, "1\n", "1;ext=2"]
)
def test_only_digits_and_a_plus_are_dialled(number: str) -> None:
    with pytest.raises(UnsafeText):
        commands.dial_string({}, [Route("g", number)])


# --- no builder lets a control character through -------------------------------------------

BUILDERS: dict[str, Callable[[str], bytes]] = {
    "auth": commands.auth,
    "filter header": lambda t: commands.filter_events(t, "x"),
    "filter value": lambda t: commands.filter_events("x", t),
    "subscribe": lambda t: commands.subscribe(["A", t]),
    "execute application": lambda t: commands.execute(t, "x", "x"),
    "execute argument": lambda t: commands.execute("x", t, "x"),
    "execute uuid": lambda t: commands.execute("x", "x", t),
    "set leg": lambda t: commands.set_variables(t, {"x": "x"}),
    "set name": lambda t: commands.set_variables("x", {t: "x"}),
    "set value": lambda t: commands.set_variables("x", {"x": t}),
    "set sound of": lambda t: commands.set_sound(t, "x", "x"),
    "set sound as": lambda t: commands.set_sound("x", t, "x"),
    "set sound": lambda t: commands.set_sound("x", "x", t),
    "hangup": commands.hangup,
    "end realm": lambda t: commands.end_on_keys(t, "**", "x", "x"),
    "end keys": lambda t: commands.end_on_keys("talk", t, "x", "x"),
    "end leg": lambda t: commands.end_on_keys("talk", "**", t, "x"),
    "playback": lambda t: commands.playback([t], "x"),
    "playback list": lambda t: commands.playback(["x", t], "x"),
    "say module": lambda t: commands.say(t, "number", "pronounced", "1", "x"),
    "say kind": lambda t: commands.say("en", t, "pronounced", "1", "x"),
    "say method": lambda t: commands.say("en", "number", t, "1", "x"),
    "say text": lambda t: commands.say("en", "number", "pronounced", t, "x"),
    "say gender": lambda t: commands.say("en", "number", "pronounced", "1", "x", gender=t),
    "say uuid": lambda t: commands.say("en", "number", "pronounced", "1", t),
    "collect sound": lambda t: collect(sounds=[t]),
    "collect terminators": lambda t: collect(terminators=t),
    "collect uuid": lambda t: collect(event_uuid=t),
    "api command": commands.api,
    "api argument": lambda t: commands.api("x", t),
    "controllers": lambda t: commands.set_controllers("x", t),
    "bridge name": lambda t: commands.bridge({t: "x"}, ROUTES, "x"),
    "bridge value": lambda t: commands.bridge({"x": t}, ROUTES, "x"),
    "bridge own value": lambda t: commands.bridge({}, [Route("g", "1", {"x": t})], "x"),
    "bridge gateway": lambda t: commands.bridge({}, [Route(t, "1")], "x"),
    "bridge number": lambda t: commands.bridge({}, [Route("g", t)], "x"),
    "originate value": lambda t: originate(common={"x": t}),
    "originate extension": lambda t: originate(extension=t),
    "originate context": lambda t: originate(context=t),
    "originate job": lambda t: originate(job_uuid=t),
}
FREE_TEXT = {"auth", "execute argument"}
#: What a builder takes that does not take any word.
SAMPLES = {
    "say module": "en",
    "say kind": "number",
    "say method": "counted",
    "say gender": "neuter",
    "end keys": "**",
}


def collect(
    sounds: list[str] | None = None, terminators: str = "#", event_uuid: str = "x"
) -> bytes:
    """Collect digits, with one thing changed."""
    return commands.play_and_get_digits(
        sounds=sounds or ["x"],
        event_uuid=event_uuid,
        min_digits=1,
        max_digits=4,
        timeout_ms=5000,
        digit_timeout_ms=3000,
        terminators=terminators,
    )


def originate(
    common: dict[str, str] | None = None,
    extension: str = "x",
    context: str = "x",
    job_uuid: str = "x",
) -> bytes:
    """Originate, with one thing changed."""
    return commands.originate(
        common or {}, ROUTES, extension=extension, context=context, job_uuid=job_uuid
    )


def shape(command: bytes) -> list[str]:
    """Give the names of a command's lines, having checked that it is one command."""
    head, end, body = command.partition(b"\n\n")
    assert end
    lines = head.decode().split("\n")
    lengths = [line.partition(": ")[2] for line in lines if line.startswith("content-length: ")]
    assert lengths == ([str(len(body))] if body else [])
    assert all(line.isprintable() for line in lines)
    assert body.decode().isprintable()
    return [line.partition(":")[0] for line in lines[1:]]


@pytest.mark.parametrize("builder", BUILDERS)
@given(value=any_text)
@example("x\nEvent-UUID: y")
@example("x\n\nexit")
@example("x\r\ny")
@example("x\u2028y")
@example("x\x00")
@example("1\n")
@example("A\n")
def test_no_builder_makes_a_second_line_or_command_of_any_text(builder: str, value: str) -> None:
    """G1: a line break in an argument would be a header, an empty line another command."""
    build = BUILDERS[builder]
    try:
        command = build(value)
    except UnsafeText:
        return
    assert value.isprintable()
    if value:
        plain = SAMPLES.get(builder, "1" if "number" in builder else "A")
        assert shape(command) == shape(build(plain))
    if builder not in FREE_TEXT:
        assert not {"$", "`", "\\", "'"} & set(value)


# --- what they say -------------------------------------------------------------------------


def test_an_application_travels_with_its_argument_as_the_body() -> None:
    command = commands.execute("playback", "/sounds/Zoë.wav", "id-1")
    assert (
        command
        == (
            "sendmsg\ncall-command: execute\nexecute-app-name: playback\nEvent-UUID: id-1\n"
            "content-type: text/plain\ncontent-length: 16\n\n/sounds/Zoë.wav"
        ).encode()
    )
    assert commands.execute("answer", "", "id-1").endswith(b"Event-UUID: id-1\n\n")


def test_several_sounds_are_one_file_string() -> None:
    assert commands.file_string(["a.wav"]) == "a.wav"
    assert commands.file_string(["a.wav", "b.wav"]) == "file_string://a.wav!b.wav"
    for sounds in ([], ["a!b", "c"]):
        with pytest.raises(UnsafeText):
            commands.file_string(sounds)


def test_say_is_its_words_in_order() -> None:
    """C2: `say <module> <type> <method> [<gender>] <text>` (mod_dptools.c)."""
    said = commands.say("en", "currency", "pronounced", "-12.50", "id-1")
    assert said.endswith(b"\n\nen currency pronounced -12.50")
    assert b"execute-app-name: say\n" in said
    said = commands.say("pt:pt_BR", "number", "counted", "1", "id-1", gender="feminine")
    assert said.endswith(b"\n\npt:pt_BR number counted feminine 1")


@pytest.mark.parametrize(
    ("module", "kind", "method", "text"),
    [
        ("en ", "number", "pronounced", "1"),
        ("../en", "number", "pronounced", "1"),
        ("en", "NUMBER", "pronounced", "1"),
        ("en", "url", "pronounced", "1"),
        ("en", "number", "loud", "1"),
        ("en", "number", "pronounced", ""),
        ("en", "number", "pronounced", "1 2"),
        ("en", "number", "pronounced", "${uuid}"),
        ("en", "number", "pronounced", "--1"),
        ("en", "number", "pronounced", "1" * 40),
        ("en", "currency", "pronounced", "1,50"),
    ],
)
def test_say_takes_what_it_can_say_and_nothing_else(
    module: str, kind: str, method: str, text: str
) -> None:
    """G1: its words are split at spaces; one more would shift them."""
    with pytest.raises(UnsafeText):
        commands.say(module, kind, method, text, "id-1")


def test_digits_are_collected_with_one_try_into_the_variable_that_events_bring() -> None:
    body = collect().partition(b"\n\n")[2].decode()
    assert body == "1 4 1 5000 # x silence_stream://10 callback_digits [0-9*]+ 3000"


@pytest.mark.parametrize(("low", "high"), [(0, 4), (5, 4), (1, 129), (-1, 1)])
def test_a_collection_of_no_digits_or_too_many_is_refused(low: int, high: int) -> None:
    with pytest.raises(UnsafeText):
        commands.play_and_get_digits(
            sounds=["x"], event_uuid="x", min_digits=low, max_digits=high,
            timeout_ms=1, digit_timeout_ms=1,
        )  # fmt: skip


def test_the_rest_are_one_line_each() -> None:
    assert commands.auth("secret word") == b"auth secret word\n\n"
    assert commands.linger(5) == b"linger 5\n\n"
    assert commands.filter_events("Unique-ID", "a-1") == b"filter Unique-ID a-1\n\n"
    assert commands.subscribe(["CHANNEL_BRIDGE", "DTMF"]) == b"event json CHANNEL_BRIDGE DTMF\n\n"
    assert commands.api("uuid_exists", "a-1") == b"api uuid_exists a-1\n\n"
    assert commands.hangup("USER_BUSY") == (
        b"sendmsg\ncall-command: hangup\nhangup-cause: USER_BUSY\n\n"
    )
    assert commands.set_sound("a-1", "callback_farewell", "tone_stream://%(1,0,2);loops=2") == (
        b"api uuid_setvar a-1 callback_farewell tone_stream://%(1,0,2);loops=2\n\n"
    )


def test_variables_are_set_and_taken_away_in_one_command() -> None:
    values = {"socket_resume": "", "callback_stage": "2:bridging:7:0:1::", "cb_hops": "x"}
    assert commands.set_variables("a-1", values) == (
        b"api uuid_setvar_multi a-1 socket_resume=;callback_stage=2:bridging:7:0:1::;cb_hops=x\n\n"
    )


@pytest.mark.parametrize("value", ["a;evil=1", "a b", "${x}", "a'b", "a\\b", "a,b", '"a"'])
def test_g1_a_variables_value_is_nothing_else(value: str) -> None:
    """G1: `;` would begin another one, and quotes and backslashes mean something there."""
    with pytest.raises(UnsafeText):
        commands.set_variables("a-1", {"callback_stage": value})


def test_o4_a_list_of_controllers_is_addresses_and_nothing_else() -> None:
    """O4, G1: the switch expands what its variables hold."""
    hosts = "192.0.2.1:8084/a-1|cb.example.net:8084/b|fd00::5:8086/c_2"
    told = commands.set_controllers("callback_controllers_e", hosts)
    assert told == f"api global_setvar callback_controllers_e={hosts}\n\n".encode()
    assert commands.set_controllers("x", "") == b"api global_setvar x=\n\n"
    for hostile in ("${uuid}", "a:1/b async", "a:1=b", "a:1\n"):
        with pytest.raises(UnsafeText):
            commands.set_controllers("x", hostile)
