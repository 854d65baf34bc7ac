"""The fields of an extension: who may use it, where calls may go, how often, for how much (A, G).

What they cost stands with them: a minimum credit is there to keep a service from being abused.
"""

from __future__ import annotations

from typing import Final

from controller.web.pages.extension_basics import SECONDS
from controller.web.pages.forms import Field, Section, Widget
from controller.web.pages.options import NUMBER_TYPES
from controller.web.pages.words import N_

_NO_LIMIT: Final = N_("no limit")
_MONEY: Final = N_("in the account's currency")
#: What is done where something looks like fraud (`policy.fields.OnPattern`).
_ON_PATTERN: Final = (
    ("ignore", N_("Nothing")),
    ("flag", N_("Tell the operator")),
    ("block", N_("Tell the operator, and make no such calls")),
)
_OWN_COUNTRY: Final = N_("the extension's own country only")

PASSWORDS: Final = Section(
    name="passwords",
    title=N_("Passwords and credit query"),
    fields=(
        Field(
            name="password",
            label=N_("Password"),
            help=N_(
                "4 to 20 digits that are asked for on the return call; it is stored so that nobody "
                "can read it."
            ),
            widget=Widget.SECRET,
            default=N_("none, so that none is asked for"),
        ),
        Field(
            name="caller_passwords",
            label=N_("Authorised CallerIDs have passwords of their own"),
            help=N_("On: a CallerID's own password is asked for in place of the one above."),
            widget=Widget.CHECK,
        ),
        Field(
            name="credit_query",
            label=N_("User can interrogate the account credit"),
            help=N_("On: an authorised caller chooses, 1 to hear the credit, 2 to make a call."),
            widget=Widget.CHECK,
        ),
        Field(
            name="credit_query_again",
            label=N_("Say the credit again after each call"),
            help=N_("Only where the credit can be asked for at all."),
            widget=Widget.CHECK,
            when="credit_query=on",
        ),
    ),
)

WHERE: Final = Section(
    name="where",
    title=N_("Where calls may go"),
    intro=N_(
        "Return calls go to the people who rang, destinations are what they dial then. Numbers "
        "that cost more than a call, and satellites, are never called; ranges known for fraud are "
        "only where a beginning is allowed that is as long as theirs."
    ),
    fields=(
        Field(
            name="return_countries",
            label=N_("Return calls go to these countries"),
            help=N_("Two capitals each, such as US; naming any replaces the extension's own."),
            widget=Widget.LINES,
            suggestions="list-countries",
            default=_OWN_COUNTRY,
        ),
        Field(
            name="destination_countries",
            label=N_("Destinations in these countries"),
            help=N_("Two capitals each, such as US; naming any replaces the extension's own."),
            widget=Widget.LINES,
            suggestions="list-countries",
            default=_OWN_COUNTRY,
        ),
        Field(
            name="return_prefixes",
            label=N_("Return calls go to these beginnings besides"),
            help=N_("Numbers that begin so, such as +4930, wherever they are."),
            widget=Widget.NUMBERS,
            default=N_("none"),
        ),
        Field(
            name="destination_prefixes",
            label=N_("Destinations with these beginnings besides"),
            help=N_("Numbers that begin so, such as +4930, wherever they are."),
            widget=Widget.NUMBERS,
            default=N_("none"),
        ),
        Field(
            name="return_types",
            label=N_("Return calls go to these kinds of number only"),
            help=N_("None chosen is all that cost no more than a call."),
            widget=Widget.CHOICES,
            options=NUMBER_TYPES,
            default=N_("all"),
        ),
        Field(
            name="destination_types",
            label=N_("Destinations of these kinds only"),
            help=N_("None chosen is all that cost no more than a call."),
            widget=Widget.CHOICES,
            options=NUMBER_TYPES,
            default=N_("all"),
        ),
        Field(
            name="blocked_countries",
            label=N_("Never to these countries"),
            help=N_("No call goes there, whatever is allowed above."),
            widget=Widget.LINES,
            suggestions="list-countries",
            default=N_("none"),
        ),
        Field(
            name="blocked_prefixes",
            label=N_("Never to these beginnings"),
            help=N_("No call goes to numbers that begin so, such as +1900."),
            widget=Widget.NUMBERS,
            default=N_("none"),
        ),
        Field(
            name="blocked_types",
            label=N_("Never to these kinds of number"),
            help=N_("No call goes to numbers of these kinds, whatever is allowed above."),
            widget=Widget.CHOICES,
            options=NUMBER_TYPES,
            default=N_("none"),
        ),
    ),
)

OFTEN: Final = Section(
    name="often",
    title=N_("How often and how long"),
    intro=N_("At most so many. An empty field has its default; in a time, 0 allows none at all."),
    fields=(
        Field(
            name="callbacks_per_number",
            label=N_("Callbacks to one number"),
            help=N_("So often the same number is called back."),
            widget=Widget.RATE,
            default=_NO_LIMIT,
        ),
        Field(
            name="callbacks_per_block",
            label=N_("Callbacks to one block of numbers"),
            help=N_("The hundred numbers that differ in their last two digits only, together."),
            widget=Widget.RATE,
            default=_NO_LIMIT,
        ),
        Field(
            name="callbacks_per_did",
            label=N_("Callbacks through one access number"),
            help=N_("So often a callback is made that was asked for on the same DID."),
            widget=Widget.RATE,
            default=_NO_LIMIT,
        ),
        Field(
            name="callbacks_per_extension",
            label=N_("Callbacks in all"),
            help=N_("So many callbacks the extension makes, to whomever."),
            widget=Widget.RATE,
            default=_NO_LIMIT,
        ),
        Field(
            name="unanswered_per_block",
            label=N_("Unanswered return calls to one block of numbers"),
            help=N_("After so many that nobody answered, or that were over at once, none is made."),
            widget=Widget.RATE,
            default=_NO_LIMIT,
        ),
        Field(
            name="unanswered_per_extension",
            label=N_("Unanswered return calls in all"),
            help=N_("After so many that nobody answered, or that were over at once, none is made."),
            widget=Widget.RATE,
            default=_NO_LIMIT,
        ),
        Field(
            name="stop_after_unanswered",
            label=N_("Stop calling a number after"),
            help=N_("So many unanswered or very short return calls to it; then it is left alone."),
            widget=Widget.NUMBER,
            unit=N_("calls"),
            default=N_("never"),
        ),
        Field(
            name="concurrent_calls",
            label=N_("Calls at a time"),
            help=N_("So many return calls go on at the same time; those beyond wait."),
            widget=Widget.NUMBER,
            unit=N_("calls"),
            default=_NO_LIMIT,
        ),
        Field(
            name="longest_call_seconds",
            label=N_("Longest call"),
            help=N_("The switch itself ends a conversation then, 1 to 86400."),
            widget=Widget.NUMBER,
            unit=SECONDS,
        ),
    ),
)

FRAUD: Final = Section(
    name="fraud",
    title=N_("What looks like fraud"),
    intro=N_("What is done about it; the page of suspicions shows what was found."),
    fields=tuple(
        Field(name=name, label=label, help=help_, widget=Widget.SELECT, options=_ON_PATTERN)
        for name, label, help_ in (
            (
                "on_sequential_numbers",
                N_("One number after the other rings"),
                N_("Callers whose numbers follow each other are often one machine."),
            ),
            (
                "on_many_extensions",
                N_("One number rings through many extensions"),
                N_("Who tries many doors looks for one that is open."),
            ),
            (
                "on_short_answers",
                N_("Return calls are over at once, again and again"),
                N_("Numbers that answer and hang up may be paid for each answer."),
            ),
            (
                "on_sudden_spend",
                N_("Much more is spent than usual"),
                N_("Compared with what this extension spends otherwise."),
            ),
        )
    ),
)

MONEY: Final = Section(
    name="money",
    title=N_("Money"),
    fields=(
        Field(
            name="minimum_credit",
            label=N_("Credit needed for a callback"),
            help=N_("With less than this no callback is made at all."),
            widget=Widget.MONEY,
            unit=_MONEY,
            default=N_("what its first seconds cost"),
        ),
        Field(
            name="return_call_exposure",
            label=N_("Most that a return call may cost before somebody is identified"),
            help=N_("Until a caller has said who he is, no more than this is risked."),
            widget=Widget.MONEY,
            unit=_MONEY,
            default=_NO_LIMIT,
        ),
        Field(
            name="most_spent_per_hour",
            label=N_("Most spent in an hour"),
            help=N_("Within any 60 minutes no more is spent, whoever pays."),
            widget=Widget.MONEY,
            unit=_MONEY,
            default=_NO_LIMIT,
        ),
        Field(
            name="most_spent_per_day",
            label=N_("Most spent in a day"),
            help=N_("Within any 24 hours no more is spent, whoever pays."),
            widget=Widget.MONEY,
            unit=_MONEY,
            default=_NO_LIMIT,
        ),
    ),
)

#: Service security, all of it.
SECURITY: Final = (PASSWORDS, WHERE, OFTEN, FRAUD, MONEY)
