"""The fields of an extension: what it is, and how it calls back (T, D)."""

from __future__ import annotations

from typing import Final

from controller.policy.fields import Again
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.words import N_

SECONDS: Final = N_("seconds")

BASICS: Final = Section(
    name="basics",
    title=N_("Basics"),
    fields=(
        Field(
            name="extension",
            label=N_("Number"),
            help=N_("The internal number of the extension, 1 to 10 digits."),
        ),
        Field(
            name="client",
            label=N_("Client"),
            help=N_("Who owns the extension, its calls and its money."),
            suggestions="list-clients",
        ),
        Field(
            name="dids",
            label=N_("Access numbers (DIDs)"),
            help=N_(
                "The numbers that people ring to be called back, such as +12025550100, each on a "
                "line of its own; one number reaches one extension."
            ),
            widget=Widget.NUMBERS,
        ),
        Field(
            name="country",
            label=N_("Country"),
            help=N_(
                "Numbers that are dialled without their country are read as those of this one; two "
                "capitals, such as US."
            ),
            suggestions="list-countries",
        ),
        Field(
            name="language",
            label=N_("Language"),
            help=N_("What callers hear is said in it, unless an authorised CallerID has another."),
            suggestions="list-languages",
        ),
        Field(
            name="description",
            label=N_("Description"),
            help=N_("A line for yourself; callers never hear it."),
            default=N_("empty"),
        ),
        Field(
            name="enabled",
            label=N_("Enabled"),
            help=N_("Off: calls to it ring and are refused as always, and nobody is called back."),
            widget=Widget.CHECK,
        ),
    ),
)

TRIGGER: Final = Section(
    name="trigger",
    title=N_("The call that asks for a callback"),
    intro=N_("It rings and is refused, never answered, so that it costs the caller nothing."),
    fields=(
        Field(
            name="ring_seconds",
            label=N_("Rings for"),
            help=N_("After so long the call is refused and the callback is due, 1 to 60."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
        Field(
            name="early_hang_up",
            label=N_("Who hangs up before that"),
            help=N_("What becomes of a caller who does not wait until he is refused."),
            widget=Widget.CHOICE,
            options=(("ignore", N_("Is not called back")), ("callback", N_("Is called back"))),
        ),
        Field(
            name="early_hang_up_seconds",
            label=N_("Called back only if it rang for"),
            help=N_("Who hangs up sooner than this is not called back in any case."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
    ),
)

WHOM: Final = Section(
    name="whom",
    title=N_("Who is called back"),
    fields=(
        Field(
            name="return_calls",
            label=N_("Calls back"),
            help=N_(
                "A caller who hides his number can be called back only where it is always the same "
                "number that is called."
            ),
            widget=Widget.CHOICE,
            options=(
                (
                    "authorized",
                    N_("Authorised CallerIDs only, at their own callback number if they have one"),
                ),
                ("caller", N_("Anybody who rings, at the number that rang")),
                ("fixed", N_("Always the same number, whoever rings")),
            ),
        ),
        Field(
            name="fixed_number",
            label=N_("The number that is always called"),
            help=N_("Only where the same number is always called; not one of the DIDs above."),
            widget=Widget.TELEPHONE,
            default=N_("none"),
            when="return_calls=fixed",
        ),
    ),
)

TIMES: Final = Section(
    name="times",
    title=N_("When"),
    fields=(
        Field(
            name="delay_seconds",
            label=N_("Waits before calling back"),
            help=N_("Counted from the end of the caller's last ring, so that his line is free."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
        Field(
            name="expiry_seconds",
            label=N_("Gives up after"),
            help=N_("So long after a callback was first due it is tried no more."),
            widget=Widget.NUMBER,
            unit=SECONDS,
            default=N_("as the whole service is set"),
        ),
        Field(
            name="quiet_from",
            label=N_("Quiet hours begin"),
            help=N_("From then on nobody is called back; what is due waits for their end."),
            widget=Widget.CLOCK,
            default=N_("no quiet hours"),
        ),
        Field(
            name="quiet_until",
            label=N_("Quiet hours end"),
            help=N_("An end before the beginning is on the next day; set both times or neither."),
            widget=Widget.CLOCK,
            default=N_("no quiet hours"),
        ),
        Field(
            name="time_zone",
            label=N_("Time zone of the quiet hours"),
            help=N_("As the IANA calls it, such as Europe/Berlin; summer time is seen to."),
            suggestions="list-zones",
        ),
    ),
)

AGAIN: Final = Section(
    name="again",
    title=N_("When nobody answers"),
    intro=N_(
        "How often more a callback is tried, by what happened. Numbers that do not exist, or that "
        "refuse the call, are never tried again."
    ),
    fields=(
        Field(
            name="retries_busy",
            label=N_("Again when busy"),
            help=N_("So often more a number is called that was busy, 0 to 20."),
            widget=Widget.COUNT,
            unit=N_("times"),
        ),
        Field(
            name="retries_no_answer",
            label=N_("Again when nobody answers"),
            help=N_("So often more a number is called that rang and was not answered, 0 to 20."),
            widget=Widget.COUNT,
            unit=N_("times"),
        ),
        Field(
            name="retries_failed",
            label=N_("Again when it failed"),
            help=N_("So often more a number is called where the network was in trouble, 0 to 20."),
            widget=Widget.COUNT,
            unit=N_("times"),
        ),
        Field(
            name="retry_seconds",
            label=N_("Time between tries"),
            help=N_("From one try to the next, 5 to 86400."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
        Field(
            name="retry_causes",
            label=N_("Hang-up causes that count otherwise"),
            help=N_("What the network says, by the switch's name, and as what it counts here."),
            widget=Widget.ROWS,
            columns=(N_("Cause"), N_("Counts as")),
            options=(
                (Again.BUSY.value, N_("busy")),
                (Again.NO_ANSWER.value, N_("nobody answers")),
                (Again.FAILED.value, N_("failed")),
                (Again.NEVER.value, N_("never again")),
            ),
            suggestions="list-causes",
            default=N_("each as usual"),
        ),
    ),
)

RETURN: Final = Section(
    name="return",
    title=N_("The return call"),
    intro=N_("The call back shows the number that was rung, and asks for the destination."),
    fields=(
        Field(
            name="return_ring_seconds",
            label=N_("Rings the caller for"),
            help=N_("After so long the return call counts as not answered, 5 to 120."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
        Field(
            name="human_check",
            label=N_("Ask for a key first"),
            help=N_("On: who answers presses 1 before anything else, which no machine does."),
            widget=Widget.CHECK,
        ),
        Field(
            name="dial_seconds",
            label=N_("Time to dial the destination"),
            help=N_("Prompts and second tries included, 5 to 300; then it says goodbye."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
        Field(
            name="destination_ring_seconds",
            label=N_("Rings the destination for"),
            help=N_("After so long the destination counts as not answering, 5 to 120."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
        Field(
            name="further_calls",
            label=N_("Further calls"),
            help=N_("So many more destinations may be dialled without hanging up, 0 to 100."),
            widget=Widget.COUNT,
            unit=N_("calls"),
        ),
        Field(
            name="say_time_left",
            label=N_("Say how long the credit lasts"),
            help=N_("On: the caller hears it before he is connected."),
            widget=Widget.CHECK,
        ),
        Field(
            name="sound_before_disconnecting",
            label=N_("Sound before disconnecting"),
            help=N_(
                "What the caller alone hears when the credit or the longest time ends the call; "
                "a file of the switch or an uploaded sound."
            ),
            widget=Widget.SOUND,
            default=N_("the stock sentence"),
        ),
    ),
)

#: How it calls back, all of it.
BEHAVIOUR: Final = (TRIGGER, WHOM, TIMES, AGAIN, RETURN)
