"""What is known of a return leg at a moment: everything that the machine goes by."""

from __future__ import annotations

import msgspec

from controller.callback.events import Secret
from controller.callback.platform import Platform
from controller.callback.states import Return
from controller.callback.uuids import destination_legs
from controller.credit.model import Granted
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan

#: No keys.
NOTHING_TYPED = Secret("")


class ReturnSession(msgspec.Struct, frozen=True):
    """A return leg.

    Attributes:
        leg: its uuid.
        request: the callback request that it belongs to.
        platform: which numbers are no ordinary destinations (D3).
        did: the access number that was rung, E.164, or empty.
        number: who rang it, E.164; empty where that is hidden.
        caller: the authorised CallerID on whose behalf this call is (A2, A5); None: of nobody's.
        redial: the last number that was dialled for him before this call (`*0#`), or empty.
        locked: A3, no password is heard: too many were wrong.
        parts_alone: whether the dialplan of its switch says the last sentence after a conversation
            by itself; one of before does not.
        step: the number of the application under way, or of the last one.
        tries, dialled, talked, unreached, deadline, destination: as in `stage.Stage`.
        outcome: how the call ended, once that is decided.
        keys: what was typed of the answer under way, or ahead of the next question.
        ahead: how many of those keys came before the question under way was asked.
        deaf_until: until then keys are those typed while a destination rang, seconds since 1970.
        playing: whether a question's prompts are still being played.
        pause: when what is being waited for next (a key) is late, seconds since 1970; 0: no wait.
        said: how often the question under way was asked in vain.
        member: A5, the number that was typed, E.164; empty where it was none.
        credits: how often the credit was asked for.
        after_credit: where the call goes on when the credit was told.
        asked: when the last password was asked for, seconds since 1970.
        hasty: such questions in a row that ended before anybody can have heard them.
        plan: how the current destination is called; None: that is being found out, or another
            controller found it.
        granted: for how long the current destination may be called, where somebody pays.

    """

    leg: str
    request: str
    policy: Policy
    platform: Platform = Platform()
    did: str = ""
    number: str = ""
    caller: AuthorisedCaller | None = None
    redial: str = ""
    locked: bool = False
    parts_alone: bool = False
    state: Return = Return.NEW
    timer: int = 0
    step: int = 0
    tries: int = 0
    dialled: int = 0
    talked: int = 0
    unreached: int = 0
    deadline: float = 0.0
    destination: str = ""
    outcome: str | None = None
    keys: Secret = NOTHING_TYPED
    ahead: int = 0
    deaf_until: float = 0.0
    playing: bool = False
    pause: float = 0.0
    said: int = 0
    member: str = ""
    credits: int = 0
    after_credit: Return = Return.MENU
    asked: float = 0.0
    hasty: int = 0
    plan: Plan | None = None
    granted: Granted | None = None

    @property
    def talk_seconds(self) -> int:
        """M5: after so long the switch ends the conversation with the current destination."""
        longest = self.policy.longest_call_seconds
        granted = 0 if self.granted is None else self.granted.destination_seconds
        return min(longest, granted) if granted else longest

    @property
    def time_left(self) -> int:
        """D6: how long the conversation with it can last on all the credit that there is."""
        lasts = None if self.granted is None else self.granted.lasts
        return self.policy.longest_call_seconds if lasts is None else lasts

    @property
    def destination_legs(self) -> tuple[str, ...]:
        """The uuids of the legs to the current destination, one for each way there can be.

        They are made from the leg's own uuid and the count of destinations, so that any controller
        knows them.
        """
        return destination_legs(self.leg, self.dialled)

    @property
    def language(self) -> str:
        """S2: the language of this call."""
        own = None if self.caller is None else self.caller.language
        return own or self.policy.language

    @property
    def password_hash(self) -> str | None:
        """A1, A2: the hash of what is asked for; None: no password is, or A5's."""
        if self.policy.caller_passwords and self.caller is not None and self.caller.pin_hash:
            return self.caller.pin_hash
        return self.policy.password_hash

    @property
    def names_member(self) -> bool:
        """A5: whether he has to say for whom he calls: his number is not on the list."""
        return self.policy.caller_passwords and self.caller is None

    @property
    def preset(self) -> str:
        """D5: the destination that is connected without dialling, E.164, or empty."""
        return "" if self.caller is None else self.caller.presets.get(self.did, "")

    @property
    def may_go_on(self) -> bool:
        """D4: whether another destination may be called after the conversations so far."""
        return self.talked <= self.policy.further_calls and not self.preset
