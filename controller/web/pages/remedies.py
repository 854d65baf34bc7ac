"""What can be done where a callback, or a destination, came to nothing: in words, and where.

Every word of `outcomes` has one, but those that are good news; a test looks for that, and that
what stands in quotation marks is a field or a heading of a page.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from controller.admin.model import Actor
from controller.web.pages.menu import menu
from controller.web.pages.words import N_, _


class Remedy(msgspec.Struct, frozen=True):
    """What can be done. `places`: paths of the menu; `operator`: by the operator alone."""

    text: str
    places: tuple[str, ...] = ()
    operator: bool = False


class Shown(msgspec.Struct, frozen=True):
    """A remedy as somebody is given it, with links: their words and where they lead."""

    text: str
    links: tuple[tuple[str, str], ...] = ()


#: Lists that show what is an extension's.
_OF_EXTENSION: Final = ("/callerids", "/accounts", "/lockouts")
_EXTENSION: Final = ("/extensions",)
_CLIENTS: Final = ("/clients",)
_CREDIT: Final = ("/accounts",)
_CHANNELS: Final = ("/channels",)
_NODES: Final = ("/nodes",)
_SUSPICIONS: Final = ("/suspicions", "/extensions")

_TRUNK_READS: Final = Remedy(
    N_(
        "Look at what the trunk said. If it writes numbers otherwise than the channel's country "
        "does, set the channel's “Country” and “Numbers that are read otherwise”."
    ),
    _CHANNELS,
    operator=True,
)
_TOP_UP: Final = Remedy(N_("Top up the account that pays."), _CREDIT)
_PRICE: Final = Remedy(
    N_("Add a rate for the number to the price list of the account that pays."),
    ("/accounts", "/price-lists"),
    operator=True,
)
_SPEND: Final = Remedy(
    N_("Wait, or raise “Most spent in an hour” or “Most spent in a day” of the extension."),
    _EXTENSION,
)
_OFTEN: Final = Remedy(
    N_("Wait, or raise the limit of the extension under “How often and how long”."), _EXTENSION
)
_OFTEN_CLIENT: Final = Remedy(
    N_("Wait, or raise “Callbacks” of the client."), _CLIENTS, operator=True
)
_SETTINGS: Final = Remedy(
    N_("Wait, or raise the limit of the whole service, which is in its settings."), operator=True
)
_FRAUD: Final = Remedy(
    N_(
        "Find out whether these calls are real. If they are, release the suspicion; what is "
        "blocked by itself is set in the extension under “What looks like fraud”."
    ),
    _SUSPICIONS,
)
_FAULT: Final = Remedy(
    N_("Look for the callback's id in the log of the service; the customer may ring again."),
    operator=True,
)
_NO_CHANNEL: Final = Remedy(
    N_(
        "See under “Why?” which channels are used for the number and why the others are not: their "
        "“Destinations”, “Hours”, “Calls at a time”, and whether they are up."
    ),
    ("/explain", "/channels"),
    operator=True,
)
_OWN_NUMBER: Final = Remedy(
    N_(
        "Let another number be called: look at the extension's “The number that is always called”, "
        "and at the “Callback number” of the authorised CallerID."
    ),
    ("/extensions", "/callerids"),
)
_COSTLY: Final = Remedy(N_("Such numbers are never called. The customer needs an ordinary number."))
_BLOCKED: Final = Remedy(
    N_(
        "If it is to be called: take it out of “Never to these countries”, “Never to these "
        "beginnings” or “Never to these kinds of number” of the extension, or out of what is "
        "blocked for its client."
    ),
    ("/extensions", "/clients"),
)

#: By the word that says how it ended, or why there was none.
REMEDIES: Final[dict[str, Remedy]] = {
    "hung_up": Remedy(
        N_(
            "See below what the caller heard last. If he waited for something else, explain to him "
            "what he is asked for."
        )
    ),
    "password_failed": Remedy(
        N_(
            "Ask the customer which password he typed, and set a new one: the extension's "
            "“Password”, or the “PIN” of his authorised CallerID."
        ),
        ("/extensions", "/callerids"),
    ),
    "locked_out": Remedy(
        N_("Release the lock-out, if it was the customer himself."), ("/lockouts",)
    ),
    "no_human": Remedy(
        N_("Tell the customer to press 1 when he is called, or switch off “Ask for a key first”."),
        _EXTENSION,
    ),
    "dial_time_over": Remedy(
        N_("See below what was typed, and give callers longer: “Time to dial the destination”."),
        _EXTENSION,
    ),
    "not_reached": Remedy(
        N_("See below why each number was not reached, and the channel that it went over.")
    ),
    "busy": Remedy(
        N_("More tries can be made: “Again when busy” and “Time between tries”."), _EXTENSION
    ),
    "no_answer": Remedy(
        N_(
            "More tries can be made, and longer ones: “Again when nobody answers” and “Rings the "
            "caller for”."
        ),
        _EXTENSION,
    ),
    "rejected": Remedy(
        N_(
            "Ask the customer whether his telephone blocks the access number, which the return "
            "call shows; if his network does, ask the carrier."
        )
    ),
    "unallocated": Remedy(
        N_(
            "See below whether it is the right number: the “Callback number” of the authorised "
            "CallerID, or “The number that is always called”. If it is, ask the carrier."
        ),
        ("/callerids", "/extensions"),
    ),
    "failed": Remedy(
        N_("See below what each channel said; ask its carrier, or add another channel."),
        _CHANNELS,
        operator=True,
    ),
    "no_controller": Remedy(
        N_("See whether the service runs, and whether it has a link to the switch."),
        _NODES,
        operator=True,
    ),
    "prompts_unheard": Remedy(
        N_("Install the sounds of that language on the switch, or upload what is missing."),
        ("/sounds",),
        operator=True,
    ),
    "check_failed": _FAULT,
    "stuck": _FAULT,
    "unknown": Remedy(
        N_(
            "Ask the customer whether he was called; he may ring again. See whether the switch is "
            "up."
        ),
        _NODES,
        operator=True,
    ),
    "expired": Remedy(
        N_("The customer may ring again; “Gives up after” says how long a callback is tried."),
        _EXTENSION,
    ),
    "no_channel": _NO_CHANNEL,
    "no_credit": Remedy(
        N_("Top up the account that pays, or lower “Credit needed for a callback”."),
        ("/accounts", "/extensions"),
    ),
    "no_rate": _PRICE,
    "spend_limit": _SPEND,
    "credit_over": _TOP_UP,
    "too_often_number": _OFTEN,
    "too_often_block": _OFTEN,
    "too_often_did": _OFTEN,
    "too_often_extension": _OFTEN,
    "too_often_client": _OFTEN_CLIENT,
    "too_often_node": _SETTINGS,
    "too_often_all": _SETTINGS,
    "unanswered_too_often_block": _OFTEN,
    "unanswered_too_often_extension": _OFTEN,
    "too_many_calls_extension": Remedy(
        N_("Wait until a call is over, or raise “Calls at a time” of the extension."), _EXTENSION
    ),
    "too_many_calls_client": Remedy(
        N_("Wait until a call is over, or raise “Calls at a time” of the client."),
        _CLIENTS,
        operator=True,
    ),
    "too_many_calls_all": _SETTINGS,
    "suspicion_sequential_numbers": _FRAUD,
    "suspicion_many_extensions": _FRAUD,
    "suspicion_short_answers": _FRAUD,
    "suspicion_sudden_spend": _FRAUD,
    "extension_gone": Remedy(
        N_("If that was not meant, make the extension anew; the customer has to ring again."),
        _EXTENSION,
    ),
    "cancelled": Remedy(
        N_("The customer may ring again, or ask for a callback by hand."), ("/callbacks",)
    ),
    "hung_up_early": Remedy(
        N_(
            "Tell the customer to let it ring until he is refused, shorten “Rings for”, or have "
            "those called back too: “Who hangs up before that”."
        ),
        _EXTENSION,
    ),
    "unknown_did": Remedy(
        N_(
            "Add the number to the “Access numbers (DIDs)” of an extension. If it is there, the "
            "trunk writes it otherwise than in its country."
        ),
        ("/extensions", "/channels"),
        operator=True,
    ),
    "stopped": Remedy(N_("Resume callbacks when what they were stopped for is over."), ("/stops",)),
    "disabled": Remedy(
        N_("Switch on “Enabled” of the extension, and of its client."), ("/extensions", "/clients")
    ),
    "hidden": Remedy(
        N_(
            "Ask the customer to show his number when he rings. Only where “Calls back” is always "
            "the same number can who hides it be called back."
        ),
        _EXTENSION,
    ),
    "not_digits": _TRUNK_READS,
    "not_a_number": _TRUNK_READS,
    "not_authorised": Remedy(
        N_(
            "Add the number to the authorised CallerIDs of the extension, or switch it on there; "
            "or let “Calls back” be anybody who rings."
        ),
        ("/callerids", "/extensions"),
    ),
    "own_number": _OWN_NUMBER,
    "costly_number": _COSTLY,
    "blocked": _BLOCKED,
    "country_not_allowed": Remedy(
        N_("Add the country to “Return calls go to these countries”."), _EXTENSION
    ),
    "type_not_allowed": Remedy(
        N_("Add the kind to “Return calls go to these kinds of number only”."), _EXTENSION
    ),
    "risky_range": Remedy(
        N_(
            "If you know the number, add its first digits to “Return calls go to these beginnings "
            "besides”."
        ),
        _EXTENSION,
    ),
    "called_elsewhere": Remedy(N_("The customer may ring again when that call is over.")),
    "unanswered_too_often": Remedy(
        N_(
            "See below why they came to nothing; how many end it is “Stop calling a number after”. "
            "A day after the last one it is called again."
        ),
        _EXTENSION,
    ),
    "quiet_hours": Remedy(
        N_(
            "The customer may ring again then; or let “Gives up after” reach beyond “Quiet hours "
            "end”."
        ),
        _EXTENSION,
    ),
    "no_caller_id": Remedy(
        N_(
            "Give the extension a number that may be shown on these channels: “Assigned numbers” "
            "and “Default number”; or hide it: “Do not send a CallerID”."
        ),
        ("/extensions", "/numbers"),
    ),
    "emergency": Remedy(N_("The caller has to ring it from his own telephone, at once.")),
    "special_number": Remedy(N_("The caller has to dial the whole number, with its area code.")),
    "late": Remedy(
        N_("The caller may dial it again. If it happens often, the database is slow or away."),
        _NODES,
        operator=True,
    ),
}

#: What is otherwise for a number that the caller dials.
DIALLED: Final[dict[str, Remedy]] = {
    "own_number": Remedy(N_("The caller has to dial another number.")),
    "costly_number": Remedy(N_("Such numbers are never called.")),
    "country_not_allowed": Remedy(
        N_("Add the country to “Destinations in these countries”."), _EXTENSION
    ),
    "type_not_allowed": Remedy(
        N_("Add the kind to “Destinations of these kinds only”."), _EXTENSION
    ),
    "risky_range": Remedy(
        N_(
            "If you know the number, add its first digits to “Destinations with these beginnings "
            "besides”."
        ),
        _EXTENSION,
    ),
    "no_credit": _TOP_UP,
}


def remedy(
    word: str | None, extension: str | None, who: Actor, *, dialled: bool = False
) -> Shown | None:
    """Give what can be done about an outcome or a refusal; None: nothing that we know of.

    `dialled`: it is said of a number that a caller dials.
    """
    found = REMEDIES.get(word or "")
    if dialled:
        found = DIALLED.get(word or "", found)
    if found is None:
        return None
    if found.operator and who.client is not None:
        return Shown(_("Ask the operator of the service."))
    seen = {entry.path: entry.label for group in menu(who) for entry in group.entries}
    links = []
    for path in found.places:
        if path == "/extensions" and extension:
            links.append((_("Extension"), f"{path}/of/{quote(extension, safe='')}"))
        elif path in seen:
            narrower = f"?{urlencode({'extension': extension})}" if path in _OF_EXTENSION else ""
            links.append((_(seen[path]), path + (narrower if extension else "")))
    return Shown(_(found.text), tuple(links))
