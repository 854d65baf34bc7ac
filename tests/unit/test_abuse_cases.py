"""G1: the inventory of abuse-cases.json: each case, at each door that it can reach, has its test.

A case that is added to the file fails here until it has its line. What a test does with a case is
the test's own business; that it is there, and is about these cases, is looked at here.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests import abuse
from tests.peer.deaths.test_hostile import FRAMES as SENT
from tests.peer.deaths.test_hostile import SILENT

ROOT: Final = Path(__file__).parents[2]
#: Doors: the event socket and the machines behind it, a simulated switch from end to end, the API,
#: the command line and files, what is written for people (CSV, logs), pages, a real FreeSWITCH.
PARSER, PEER, API, CLI, EXPORT, LIVE = "parser", "peer", "api", "cli", "export", "live"
PAGES: Final = "pages"

U, P, W, L = "tests/unit/", "tests/peer/", "tests/web/", "tests/live/"
#: In a browser: what an address says, and what is typed.
_ADDRESS: Final = "tests/browser/test_hostile.py::test_g1_what_an_address_says_is_text"
_TYPED: Final = "tests/browser/test_hostile.py::test_g1_what_is_typed_comes_back_as_text"
D: Final = P + "deaths/"
HOSTILE_CALLS: Final = U + "runtime/test_hostile_calls.py::"
FUZZ: Final = (
    HOSTILE_CALLS + "test_g1_hostile_calls_do_what_was_meant_or_nothing",
    HOSTILE_CALLS + "test_g1_whatever_is_said_what_is_sent_is_what_was_meant",
)
#: The tests that take a list as it is, by door: every case that is added is in them at once.
WHOLE: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "caller_id_number": {
        PARSER: (
            U + "numbers/test_caller.py::"
            "test_g1_no_hostile_callerid_is_called_back_and_each_has_its_reason",
            U + "esl/test_events.py::test_no_hostile_caller_becomes_another_header",
            U + "esl/test_commands.py::"
            "test_a_hostile_value_in_a_dial_string_is_refused_or_one_value",
            HOSTILE_CALLS + "test_g1_each_number_in_each_place",
            *FUZZ,
        ),
        PEER: (
            D + "test_hostile.py::test_g1_t4_no_hostile_callerid_is_called_back",
            P + "test_identity.py::test_g1_no_hostile_identity_is_called_back",
        ),
        API: (
            W + "test_hostile.py::test_g1_a_hostile_number_is_no_record_and_is_never_called",
            U + "policy/test_policy.py::test_g1_a_hostile_number_is_refused_or_is_a_number",
        ),
        CLI: (
            U + "cli/test_hostile.py::test_g1_a_hostile_number_is_no_argument",
            U + "cli/test_hostile.py::test_g1_a_document_of_hostile_texts_is_refused_by_its_places",
            U + "cli/test_hostile.py::test_g1_a_csv_of_hostile_texts_is_refused_line_by_line",
        ),
        PAGES: (
            _ADDRESS,
            _TYPED,
            W + "pages/test_assigned.py::test_i9_what_is_no_number_yet_is_no_fault",
        ),
        EXPORT: (U + "cli/test_hostile.py::test_g1_no_cell_that_goes_out_is_a_formula", *FUZZ),
        LIVE: (L + "test_hostile.py::test_g1_no_hostile_number_does_more_than_ring",),
    },
    "caller_id_name": {
        PARSER: (
            U + "numbers/test_names.py::test_g1_no_hostile_name_gets_through",
            U + "numbers/test_caller.py::test_g1_nothing_of_a_hostile_name_goes_on",
            U + "esl/test_events.py::test_no_hostile_caller_becomes_another_header",
            U + "esl/test_commands.py::"
            "test_a_hostile_value_in_a_dial_string_is_refused_or_one_value",
            HOSTILE_CALLS + "test_g1_each_name_in_each_place",
            *FUZZ,
        ),
        PEER: (
            D + "test_hostile.py::test_g1_a_hostile_name_reaches_nothing",
            P + "test_identity.py::test_g1_no_hostile_identity_is_called_back",
        ),
        API: (
            W + "test_hostile.py::test_g1_a_hostile_name_is_shown_to_nobody_and_a_text_is_itself",
            U + "policy/test_policy.py::test_g1_a_hostile_name_is_refused",
        ),
        CLI: (
            U + "cli/test_hostile.py::test_g1_a_hostile_name_is_shown_to_nobody",
            U + "cli/test_hostile.py::test_g1_a_document_of_hostile_texts_is_refused_by_its_places",
        ),
        PAGES: (_ADDRESS, W + "pages/test_extensions.py::test_g1_hostile_text_is_shown_as_it_is"),
        EXPORT: (U + "cli/test_hostile.py::test_g1_no_cell_that_goes_out_is_a_formula", *FUZZ),
        LIVE: (L + "test_hostile.py::test_g1_no_hostile_name_is_more_than_none",),
    },
    "digits": {
        PARSER: (
            U + "numbers/test_e164.py::test_g1_no_hostile_digits_are_a_number",
            U + "esl/test_commands.py::"
            "test_a_hostile_value_in_a_dial_string_is_refused_or_one_value",
            HOSTILE_CALLS + "test_g1_each_row_of_keys_is_no_number",
            *FUZZ,
        ),
        PEER: (D + "test_hostile.py::test_g1_hostile_digits_reach_nobody",),
        API: (W + "test_hostile.py::test_g1_hostile_digits_are_no_number_and_no_name_of_one",),
        CLI: (U + "cli/test_hostile.py::test_g1_hostile_digits_are_no_number",),
        PAGES: (_ADDRESS, W + "pages/test_assigned.py::test_i9_what_is_no_number_yet_is_no_fault"),
        EXPORT: (U + "cli/test_hostile.py::test_g1_no_cell_that_goes_out_is_a_formula",),
        LIVE: (L + "test_hostile.py::test_g1_hostile_digits_are_told_to_be_wrong",),
    },
}
#: Cases of these lists besides, in words that nothing looks like itself: what is wrong with each.
#: A case without its line is not mapped.
WHY: Final[dict[str, dict[str, str]]] = {
    "caller_id_number": abuse.REASONS,
    "caller_id_name": {
        "Bob%0Avariable_pin_ok: true": "a header, where values are decoded before lines are split",
        "Bob\nEvent-Name: CUSTOM": "a header, where nothing is encoded",
        "a,origination_uuid=1": "a variable of a dial string",
        "a}sofia/gateway/x/1900": "a leg of a dial string",
        "'; DROP TABLE extension; --": "a query",
        "<script>alert(1)</script>": "a page",
        '=HYPERLINK("http://evil.example")': "a formula of a spreadsheet",
        "${expand(${system(id)})}": "an expansion of the switch",
        "\u202e\u0000\u2028": "what turns text round, ends it, and breaks its line",
    },
    "digits": {
        "": "nothing typed",
        "*": "all cleared",
        "#": "an end alone",
        "**": "the end of a conversation",
        "A": "a key that telephones lack",
        "0900123456": "a premium number of some countries",
        "00": "an international prefix alone",
        "000000000000000000000000000000000000000000": "longer than any number",
        "1234D": "a key that telephones lack, behind an extension",
        "*0#*0#*0#": "redial, where nothing was dialled",
    },
}

WIRE, EVENTS = U + "esl/test_wire.py::", U + "esl/test_events.py::"
CONNECTION, SERVER = U + "esl/test_connection.py::", U + "esl/test_server.py::"
_ENDS: Final = CONNECTION + "test_what_is_no_event_socket_ends_the_connection_and_every_wait"
_PEER: Final = D + "test_hostile.py::test_g1_hostile_frames_end_their_own_connection_and_no_call"
#: Frames reach the controller by the event socket and by no other door.
FRAMES: Final[dict[str, tuple[str, ...]]] = {
    "Content-Length: -1": (
        WIRE + "test_a_content_length_that_is_no_number_of_bytes_is_refused", _ENDS,
    ),
    "Content-Length: 2147483647": (
        WIRE + "test_a_body_over_the_limit_is_refused_before_a_byte_of_it_is_held",
    ),
    "Content-Length: abc": (
        WIRE + "test_a_content_length_that_is_no_number_of_bytes_is_refused",
    ),
    "no Content-Type": (WIRE + "test_a_frame_without_content_type_is_a_frame_of_no_type", _ENDS),
    "a body cut short, then EOF": (
        WIRE + "test_a_frame_cut_short_by_the_end_is_an_error_and_not_a_wait",
    ),
    "a body cut short, then silence": (
        WIRE + "test_a_frame_cut_short_by_silence_holds_its_bytes_and_gives_nothing",
        CONNECTION + "test_a_frame_cut_short_holds_up_no_other_connection",
    ),
    "bytes that are not UTF-8 in a named field": (
        EVENTS + "test_broken_utf_8_in_one_value_does_not_lose_the_event",
        WIRE + "test_a_block_that_is_not_utf_8_is_refused", _ENDS,
    ),
    "a header line without a colon": (
        WIRE + "test_a_header_line_without_name_and_colon_is_refused", _ENDS,
    ),
    "a header block that never ends": (
        WIRE + "test_a_header_block_that_never_ends_is_refused_at_the_limit", _ENDS,
    ),
    "JSON nested 10000 deep": (EVENTS + "test_json_nested_beyond_reason_is_refused", _ENDS),
    "a reply nobody asked for": (
        CONNECTION + "test_a_reply_nobody_asked_for_ends_the_connection",
    ),
    "300 connections that say nothing": (
        SERVER + "test_silent_peers_take_no_place_for_long_and_no_descriptor",
        D + "test_hostile.py::test_g1_300_connections_that_say_nothing_keep_no_caller_waiting",
    ),
    "events of a call that is over": (
        U + "esl/test_session.py::test_events_of_a_leg_that_is_over_are_still_handed_on",
        U + "callback/test_every_state.py::",
    ),
    "the same event twice": (
        U + "runtime/test_settling.py::test_m7_one_end_that_is_told_twice_is_taken_once",
        U + "callback/test_every_state.py::",
    ),
    "events out of order": (
        U + "esl/test_session.py::test_a_hang_up_ends_every_wait_in_either_order",
        U + "callback/test_every_state.py::",
    ),
}  # fmt: skip
#: What callers do, with the rules that each is about; they do it on whole calls.
BEHAVIOUR: Final[dict[str, tuple[str, ...]]] = {
    "one CallerID rings 50 times in a minute": (
        D + "test_hostile.py::test_t6_one_callerid_that_rings_50_times_is_called_back_once",
        P + "test_callback.py::test_g3_one_callback_too_many_is_not_made_and_its_reason_is_kept",
    ),
    "50 CallerIDs of one block ring once": (
        D + "test_hostile.py::"
        "test_g3_50_callerids_of_one_block_are_called_back_as_often_as_a_block_may_be",
    ),
    "the CallerID is one of our DIDs": (
        D + "test_hostile.py::test_t7_a_callerid_that_is_a_did_of_ours_is_not_called_back",
        P + "test_callback.py::test_t7_our_own_number_is_not_called_back",
    ),
    "the CallerID is another extension's DID": (
        D + "test_hostile.py::test_t7_a_callerid_that_is_a_did_of_ours_is_not_called_back",
        P + "test_routing.py::test_t7_a_number_of_our_own_does_not_leave_to_come_back",
    ),
    "the return call is answered by a machine": (
        P + "test_conversation.py::test_t9_a_machine_that_answers_is_asked_for_nothing_else",
    ),
    "10000 PINs on one extension over many calls": (
        U + "guard/test_guessing.py::"
        "test_a3_10000_pins_on_one_extension_take_years_from_one_telephone",
        U + "guard/test_guessing.py::"
        "test_a3_10000_pins_on_one_extension_take_months_from_any_number_of_telephones",
        U + "cache/test_lockouts.py::"
        "test_a3_each_third_wrong_password_locks_and_each_lock_is_longer",
    ),
    "one PIN on 10000 extensions": (
        U + "guard/test_guessing.py::"
        "test_a3_g3_one_pin_on_10000_extensions_is_what_no_lock_sees_and_a_pattern_does",
    ),
    "answer and hang up within a second, again and again": (
        D + "test_hostile.py::test_g4_answers_of_a_second_again_and_again_come_to_an_end",
    ),
    "30 calls at once on the credit of one": (
        P + "test_money.py::"
        "test_m3_of_thirty_who_ring_at_once_on_the_credit_of_one_one_is_called_back",
    ),
    "credit runs out while the destination still rings": (
        D + "test_hostile.py::"
        "test_m4_credit_that_may_end_while_the_destination_rings_is_never_overspent",
        U + "credit/test_deciding.py::"
        "test_m4_a_destination_that_rings_still_keeps_what_is_held_for_it",
        U + "credit/test_deciding.py::"
        "test_m4_a_destination_that_rang_too_long_shortens_what_comes_after_it",
    ),
}
#: The rules that a test of behaviour may be about, as they stand in its name.
RULES: Final = ("t1_", "t6_", "t7_", "t9_", "a3_", "g3_", "g4_", "m3_", "m4_", "m5_")


@cache
def names_in(path: str) -> frozenset[str]:
    """Give the names of a file's tests."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return frozenset(name for name in functions if name.startswith("test_"))


def there(test: str) -> None:
    """Check that a test is there; without a name, that its file has some."""
    path, _, name = test.partition("::")
    assert (ROOT / path).is_file(), path
    assert name in names_in(path) if name else names_in(path), test


def test_every_list_is_known() -> None:
    assert set(abuse.CASES) == {*WHOLE, "esl_frames", "behaviour"}
    assert set(WHY) == set(WHOLE)


@pytest.mark.parametrize("name", WHOLE)
def test_g1_each_value_has_its_line_and_each_door_its_tests(name: str) -> None:
    assert set(abuse.CASES[name]) == set(WHY[name]), "a case is not mapped, or one is gone"
    assert len(set(abuse.CASES[name])) == len(abuse.CASES[name])
    assert set(WHOLE[name]) == {PARSER, PEER, API, CLI, PAGES, EXPORT, LIVE}
    for tests in WHOLE[name].values():
        for test in tests:
            there(test)
            if test not in FUZZ:
                text = (ROOT / test.partition("::")[0]).read_text(encoding="utf-8")
                assert "abuse" in text.lower() or "CASES" in text, test


def test_g1_a_string_of_5000_digits_is_one() -> None:
    (said,) = (case for case in abuse.CASES["caller_id_number"] if "5000" in case)
    assert abuse.written(said) == "1" * 5000
    assert all(abuse.written(case) == case for case in abuse.CASES["caller_id_number"][:-1])
    assert "1" * 5000 in abuse.NUMBERS


def test_g1_each_frame_is_tried_at_the_parser_and_from_end_to_end() -> None:
    assert set(abuse.CASES["esl_frames"]) == set(FRAMES), "a frame is not mapped, or one is gone"
    for case, tests in FRAMES.items():
        for test in tests:
            there(test)
        assert (case in SENT) != (case == SILENT), "it is not sent to a whole controller"
    there(_PEER)


def test_each_behaviour_has_a_test_with_the_id_of_its_rule() -> None:
    assert set(abuse.CASES["behaviour"]) == set(BEHAVIOUR), "one is not mapped, or is gone"
    for tests in BEHAVIOUR.values():
        for test in tests:
            there(test)
            assert test.partition("::test_")[2].startswith(RULES), test
