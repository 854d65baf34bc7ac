"""What a page says where something went wrong: in plain words, and what to do. No I/O."""

from __future__ import annotations

from typing import Final

from controller.web.pages.words import N_, _

#: By status: what it is, and what to do where nobody knows more.
_SAID: Final = {
    400: (
        N_("This cannot be read"),
        N_("The address or the form is none of ours. Go back to the page, and try again."),
    ),
    403: (N_("This is not allowed"), N_("Ask the operator if you need it.")),
    404: (
        N_("There is nothing here"),
        N_(
            "It was removed, or kept long enough and erased, or the address is mistyped. Look for "
            "it in its list."
        ),
    ),
    405: (
        N_("This is not done by its address"),
        N_("Open the page that it belongs to, and use the button there."),
    ),
    409: (N_("This cannot be done as things are"), N_("Look at it again, then try once more.")),
    412: (
        N_("Somebody else changed it meanwhile"),
        N_("Open it again, and repeat what you changed."),
    ),
    413: (N_("This is too much at once"), N_("Send less, or in several parts.")),
    415: (N_("Such a file is not taken"), N_("Choose one of a kind that the page names.")),
    422: (N_("Something in it cannot be so"), N_("Correct it, and send it again.")),
    429: (N_("Too many tries"), N_("Wait a minute, then try again.")),
    500: (
        N_("Something went wrong with us"),
        N_("It was written to the log. Try again; if it stays so, tell whoever runs the service."),
    ),
    503: (N_("This is not possible just now"), N_("Try again in a moment.")),
}
_OTHER: Final = (N_("That did not work"), N_("Go back to the page, and try again."))


def title(status: int) -> str:
    """Give what went wrong, in a few words."""
    return _(_SAID.get(status, _OTHER)[0])


def advice(status: int) -> str:
    """Give what to do."""
    return _(_SAID.get(status, _OTHER)[1])
