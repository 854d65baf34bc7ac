"""An extension's policy: everything that SPEC.md lets an operator set for it.

The names are those of SPEC.md. Each field has its unit in its name or its type, its bounds in its
type, and its default here and nowhere else. `rules` has what fields must keep together, and which
of them nothing acts on yet: those can only have their defaults.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from controller.policy.fields import (
    Again,
    Choice,
    ClientName,
    ConcurrentCalls,
    Country,
    EarlyHangUp,
    ExtensionNumber,
    HangupCause,
    Language,
    Line,
    Number,
    NumberType,
    OnPattern,
    PositiveMicros,
    Prefix,
    PromptName,
    Rate,
    ReturnCalls,
    ShownFrom,
    ShownName,
    SipAddress,
    Sound,
    TimeOfDay,
    TimeZone,
)

__all__ = ["MAIN_CLIENT", "Policy", "PolicyError"]

#: The client that is there from the start: the operator's own.
MAIN_CLIENT: Final = "main"

Tries = Annotated[int, Meta(ge=0, le=20)]
MaybeSeconds = Annotated[int, Meta(ge=1, le=86_400)] | None


class PolicyError(ValueError):
    """A setting that cannot be: the message names the field, what is wrong and the remedy."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides about the calls of one extension.

    Attributes:
        extension: the internal number, 1-10 digits.
        client: who owns it.
        dids: the access numbers that reach it, E.164.
        country: ISO 3166; numbers written nationally are read by its dial plan (D3).
        language: S2, of the prompts.
        description: a line for the operator.
        enabled: off: trigger calls ring and are refused, nobody is called back.

        ring_seconds: T1, X.
        early_hang_up: T2, what a caller gets who hangs up before X; `callback` only after
            `early_hang_up_seconds` of ringing.
        return_calls: T3; `fixed` always calls `fixed_number`.
        delay_seconds: T5, from the end of the trigger call to the return call.
        retries_busy, retries_no_answer, retries_failed: T5, how often again, by cause.
        retry_causes: T5, hang-up causes that count as another kind of failure than usual.
        retry_seconds: T5, from one try to the next.
        expiry_seconds: T5, after the first was due, after which no more is tried; None as the
            service is set.
        time_zone: of the quiet hours; IANA.
        quiet_from, quiet_until: nobody is called back from this time of day until that one; what
            is due then waits for the end, if it has not expired by then.
        return_ring_seconds: T8, how long the return call rings.
        human_check: T9, "press 1" before anything else.

        password_hash: A1, argon2id; None asks nothing.
        caller_passwords: A2, an authorised CallerID's own password takes the place of A1.

        credit_query: C1, the caller may hear the credit.
        credit_query_again: C2, also after each conversation.

        dial_seconds: D1, for the whole of dialling a destination, prompts and retries included.
        further_calls: D4, how many more destinations after the first conversation.
        say_time_left: D6, how long the credit lasts is said before connecting.
        destination_ring_seconds: how long a destination rings.

        caller_id_name_from: I1; `server` shows the client's contact name, `custom`
            `caller_id_name`, `equipment` the name that came with the trigger call; where there is
            none, the contact name.
        caller_id_number_from: I2; `server` shows one of `caller_ids`, `custom` shows
            `caller_id_number`, `equipment` the trigger call's own number where its channel is
            trusted (`Channel.trust_callers`) and it is not hidden, else as `server`.
        caller_id_number: I2, one of the client's own: a public number of its pool, or a DID.
        caller_ids: I8, the numbers assigned, E.164.
        default_caller_id: I5, one of `caller_ids`; the first of them unless set.
        caller_id_choice: I3, which of several that the routing channel has: another each time, or
            always the same for a destination (`sticky`).
        hide_caller_id: I6, the callee sees Anonymous.
        p_asserted_identity: I7, whether it is sent. p_preferred_identity: I7, the address that is
            sent; None: none.

        minimum_credit: M3, without which no callback is made.
        return_call_exposure: M3, the most that a return call may cost before somebody has
            identified himself.
        warning_seconds: M6, before the end; warning_sound: what is heard then.
        sound_before_disconnecting: M5, what the caller hears when the switch ended the
            conversation; None is the stock sentence.

        return_countries, destination_countries: G2, where calls may go; ISO 3166, by default the
            extension's own country only.
        return_prefixes, destination_prefixes: G2, where calls may go besides; beginnings of E.164
            numbers. Numbers that cost more than a call stay refused, ranges that are known for
            fraud do where the beginning is shorter than theirs.
        return_types, destination_types: G2, the kinds of number that calls go to; none named: all
            that cost no more than a call.
        blocked_countries, blocked_prefixes, blocked_types: G2, where none goes all the same.
        callbacks_per_number, callbacks_per_block, callbacks_per_did, callbacks_per_extension: G3.
        unanswered_per_block, unanswered_per_extension: G3, return calls that nobody answered, or
            that were over at once.
        concurrent_calls: G3, at a time.
        most_spent_per_hour, most_spent_per_day: G3, micro-units of the account's currency.
        on_sequential_numbers, on_many_extensions, on_short_answers, on_sudden_spend: G3, what is
            done where callers ring from one number after the other, one number rings through
            many extensions, return calls are over at once again and again, and much more is spent
            than is usual here.
        longest_call_seconds: G3; the switch itself ends the conversation then.
        stop_after_unanswered: G4, so many unanswered or very short return calls to one number.

        prompts: S2, sounds that take the place of stock prompts, by the prompt's name.

    """

    extension: ExtensionNumber
    client: ClientName = MAIN_CLIENT
    dids: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=1000)]
    country: Country
    language: Language = "en"
    description: Line = ""
    enabled: bool = True

    ring_seconds: Annotated[int, Meta(ge=1, le=60)] = 5
    early_hang_up: EarlyHangUp = EarlyHangUp.IGNORE
    early_hang_up_seconds: Annotated[int, Meta(ge=1, le=60)] = 1
    return_calls: ReturnCalls = ReturnCalls.CALLER
    fixed_number: Number | None = None
    delay_seconds: Annotated[int, Meta(ge=0, le=3600)] = 3
    retries_busy: Tries = 0
    retries_no_answer: Tries = 0
    retries_failed: Tries = 0
    retry_causes: dict[HangupCause, Again] = {}
    retry_seconds: Annotated[int, Meta(ge=5, le=86_400)] = 60
    expiry_seconds: MaybeSeconds = None
    time_zone: TimeZone = "UTC"
    quiet_from: TimeOfDay | None = None
    quiet_until: TimeOfDay | None = None
    return_ring_seconds: Annotated[int, Meta(ge=5, le=120)] = 30
    human_check: bool = False

    password_hash: str | None = None
    caller_passwords: bool = False

    credit_query: bool = False
    credit_query_again: bool = False

    dial_seconds: Annotated[int, Meta(ge=5, le=300)] = 30
    further_calls: Annotated[int, Meta(ge=0, le=100)] = 0
    say_time_left: bool = False
    destination_ring_seconds: Annotated[int, Meta(ge=5, le=120)] = 45

    caller_id_name_from: ShownFrom = ShownFrom.CUSTOM
    caller_id_name: ShownName = ""
    caller_id_number_from: ShownFrom = ShownFrom.SERVER
    caller_id_number: Number | None = None
    caller_ids: Annotated[tuple[Number, ...], Meta(max_length=1000)] = ()
    default_caller_id: Number | None = None
    caller_id_choice: Choice = Choice.RANDOM
    hide_caller_id: bool = False
    p_asserted_identity: bool = False
    p_preferred_identity: SipAddress | None = None

    minimum_credit: PositiveMicros | None = None
    return_call_exposure: PositiveMicros | None = None
    warning_seconds: Annotated[int, Meta(ge=0, le=3600)] = 60
    warning_sound: Sound | None = None
    sound_before_disconnecting: Sound | None = None

    return_countries: Annotated[tuple[Country, ...], Meta(max_length=300)] = ()
    destination_countries: Annotated[tuple[Country, ...], Meta(max_length=300)] = ()
    return_prefixes: tuple[Prefix, ...] = ()
    destination_prefixes: tuple[Prefix, ...] = ()
    return_types: tuple[NumberType, ...] = ()
    destination_types: tuple[NumberType, ...] = ()
    blocked_countries: Annotated[tuple[Country, ...], Meta(max_length=300)] = ()
    blocked_prefixes: tuple[Prefix, ...] = ()
    blocked_types: tuple[NumberType, ...] = ()
    callbacks_per_number: Rate = Rate()
    callbacks_per_block: Rate = Rate()
    callbacks_per_did: Rate = Rate()
    callbacks_per_extension: Rate = Rate()
    unanswered_per_block: Rate = Rate()
    unanswered_per_extension: Rate = Rate()
    concurrent_calls: ConcurrentCalls | None = None
    most_spent_per_hour: PositiveMicros | None = None
    most_spent_per_day: PositiveMicros | None = None
    on_sequential_numbers: OnPattern = OnPattern.FLAG
    on_many_extensions: OnPattern = OnPattern.FLAG
    on_short_answers: OnPattern = OnPattern.FLAG
    on_sudden_spend: OnPattern = OnPattern.FLAG
    longest_call_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 3600
    stop_after_unanswered: Annotated[int, Meta(ge=1, le=1000)] | None = None

    prompts: dict[PromptName, Sound] = {}

    def may_return_to(self, number: str, country: str | None) -> bool:
        """Whether a number in this country is called back (G2)."""
        return self._may(number, country, self.return_countries, self.return_prefixes)

    def may_dial_to(self, number: str, country: str | None) -> bool:
        """Whether a destination in this country may be dialled (G2)."""
        return self._may(number, country, self.destination_countries, self.destination_prefixes)

    def _may(
        self,
        number: str,
        country: str | None,
        countries: tuple[str, ...],
        prefixes: tuple[str, ...],
    ) -> bool:
        if country is None or self.blocks(number, country):
            return False
        return country in (countries or (self.country,)) or number.startswith(prefixes)

    def blocks(self, number: str, country: str | None, kind: NumberType | None = None) -> bool:
        """Whether no call goes to a number, whatever is allowed (G2).

        `kind`: its kind, where it is E.164.
        """
        return (
            country in self.blocked_countries
            or kind in self.blocked_types
            or number.startswith(self.blocked_prefixes)
        )
