"""What the fields of records are, for `--help`: what their types do not say of themselves."""

from __future__ import annotations

from typing import Final

#: By `kind.field`, or by `field` where it means the same everywhere.
HELP: Final[dict[str, str]] = {
    "description": "For the operator.",
    "client.contact_name": "I1: the name shown on public calls.",
    "client.enabled": "Off: all its extensions are off.",
    "addresses": "Where its calls come from.",
    "identity": "T4: a header that says who rings; the first of them that is there counts.",
    "channel.country": "It writes numbers by this country's dial plan; else the extension's.",
    "rewrite": "T4: a beginning of its numbers, and what is put in its place before they are read.",
    "refusal_cause": "T1: how trigger calls are refused that come over it.",
    "trust_callers": "I2: the numbers and names it says are true, and may be shown to others.",
    "channel.enabled": "Off: no call goes out over it.",
    "destinations": "I4: how numbers begin that it takes, and what a minute costs there in "
    "millionths: +49=12000, +=90000 for all others; without any it takes all.",
    "priority": "I4: of several that take a number by as long a beginning, the lowest comes first.",
    "hours": "I4: when calls go out over it; by default always.",
    "channel.time_zone": "Of its hours; a name of the IANA's list: Europe/Berlin.",
    "channel.concurrent_calls": "G3: calls out over it at a time, all nodes together; by default "
    "any number.",
    "progress_seconds": "I4: after so many seconds without a sign of life, the next channel is "
    "tried.",
    "number_format": "How it wants the number that is called: +4930123456, 4930123456, or by its "
    "country's dial plan.",
    "channel.dial_prefix": "Before each number that is called.",
    "caller_id_format": "How it wants the number that is shown.",
    "domain": "I7: the domain of P-Asserted-Identity; by default the service's own.",
    "hidden_identity": "I7: P-Asserted-Identity of a call that hides its number: left out, or "
    "sent with Privacy: id.",
    "proxy": "Where the switch sends its calls, for `callbackd switch config`; without it the "
    "gateway is written by hand.",
    "transport": "How SIP travels there.",
    "username": "What it knows us by; the password is a setting (channel_passwords).",
    "register": "The switch registers there.",
    "ping_seconds": "How often the switch asks whether it is there, in seconds (OPTIONS); by "
    "default never.",
    "cost_list": "M2: the price list that says what its calls cost you; by default nobody knows.",
    "price_list.currency": "Of all its rates; it stays while anybody uses the list, and while it "
    "has rates.",
    "rate.since": "From when on; by default from now on.",
    "rate.until": "Up to when; by default it goes on.",
    "setup_fee": "M2: once for a call that is answered.",
    "per_minute": "M2: for a minute.",
    "first_block": "M2: seconds that are charged at least.",
    "rate.interval": "M2: then it is charged in steps of so many seconds.",
    "account.price_list": "M2: by what its calls are charged, of its currency; by default they are "
    "not.",
    "low_credit": "Where less is left, somebody is told (a webhook).",
    "number.channel": "The channel it may be shown on.",
    "number.client": "I8: whose pool it is in; without one no extension can be given it.",
    "extension.client": "Who owns it.",
    "extension.dids": "An access number that reaches it.",
    "extension.country": "Numbers written nationally are read by its dial plan.",
    "extension.enabled": "Off: trigger calls ring and are refused, nobody is called back.",
    "extension.language": "S2: of the prompts.",
    "ring_seconds": "T1: the trigger call is refused after so long.",
    "early_hang_up": "T2: what a caller gets who hangs up before that.",
    "early_hang_up_seconds": "T2: a callback only after so much ringing.",
    "return_calls": "T3: who is called back.",
    "fixed_number": "T3: always called, where return calls are `fixed`.",
    "delay_seconds": "T5: from the end of the trigger call to the return call.",
    "retries_busy": "T5: how often again, after busy.",
    "retries_no_answer": "T5: how often again, after no answer.",
    "retries_failed": "T5: how often again, after a failure of the network.",
    "retry_causes": "T5: a hang-up cause, and what it counts as: busy, no_answer, failed, never.",
    "retry_seconds": "T5: from one try to the next.",
    "expiry_seconds": "T5: after which no more is tried.",
    "time_zone": "T5: of the quiet hours; a name of the IANA's list: Europe/Berlin.",
    "quiet_from": "T5: from this time of day on nobody is called back.",
    "quiet_until": "T5: the end of the quiet hours.",
    "return_ring_seconds": "T8: how long the return call rings.",
    "human_check": 'T9: "press 1" before anything else.',
    "password": "A1: asked for on the return call; - asks for it here, unseen.",
    "caller_passwords": "A2: an authorised CallerID's own PIN takes the password's place.",
    "credit_query": "C1: the caller may hear the credit.",
    "credit_query_again": "C2: also after each conversation.",
    "dial_seconds": "D1: for the whole of dialling a destination.",
    "further_calls": "D4: how many more destinations after the first conversation.",
    "say_time_left": "D6: how long the call can last is said before connecting.",
    "destination_ring_seconds": "How long a destination rings.",
    "caller_id_name_from": "I1: the name that is shown is the client's contact name, that of the "
    "caller's equipment, or a text.",
    "caller_id_name": "I1: the name shown, where it is `custom`; the client's contact name where "
    "there is none.",
    "caller_id_number_from": "I2: the number that is shown is one of those assigned, the caller's "
    "own where its channel is trusted, or one of your choice.",
    "caller_id_number": "I2: the number shown, where it is `custom`: a public number of the "
    "client's, or a DID of its extensions.",
    "caller_ids": "I8: a number that destinations see: one of the client's public numbers.",
    "default_caller_id": "I5: which of them is the default, shown on channels that have none of "
    "them; the first unless set.",
    "caller_id_choice": "I3: of several on a channel another each time, or the same for each "
    "destination.",
    "hide_caller_id": "I6: the callee sees Anonymous.",
    "p_asserted_identity": "I7: P-Asserted-Identity is sent, with the extension's number.",
    "p_preferred_identity": "I7: the address sent as P-Preferred-Identity; without one, none is.",
    "minimum_credit": "M3: without so much no callback is made; by default what its first seconds "
    "cost.",
    "return_call_exposure": "M3: what a return call may cost before anybody is identified.",
    "warning_seconds": "M6: the caller hears a warning so long before the credit's end; 0: none.",
    "warning_sound": "M6: what he hears then; by default a tone.",
    "sound_before_disconnecting": "M5: played when the switch ended the conversation.",
    "return_countries": "G2: call back here; by default the extension's own country only.",
    "destination_countries": "G2: dial here; by default the extension's own country only.",
    "return_prefixes": "G2: call back numbers that begin so, too; those known for fraud as well, "
    "where it is as long as the range that is.",
    "destination_prefixes": "G2: dial numbers that begin so, too; as for those that are called "
    "back.",
    "return_types": "G2: the kinds of number that are called back; by default all that cost no "
    "more than a call.",
    "destination_types": "G2: the kinds of number that may be dialled; by default all that cost no "
    "more than a call.",
    "blocked_countries": "G2: no call goes here, whatever is allowed.",
    "blocked_prefixes": "G2: no call goes to numbers that begin so.",
    "blocked_types": "G2: no call goes to numbers of these kinds.",
    "callbacks_per_number": "G3: at most so many callbacks to a number.",
    "callbacks_per_block": "G3: at most so many callbacks to a block of numbers.",
    "callbacks_per_did": "G3: at most so many callbacks for a DID.",
    "callbacks_per_extension": "G3: at most so many callbacks in all.",
    "unanswered_per_block": "G3: at most so many return calls to a block of numbers that nobody "
    "answered, or that were over at once.",
    "unanswered_per_extension": "G3: the same, in all.",
    "concurrent_calls": "G3: return calls at a time, on all nodes; those beyond wait.",
    "most_spent_per_hour": "G3: within any 60 minutes no more is spent, whoever pays; by default "
    "any sum.",
    "most_spent_per_day": "G3: the same within any 24 hours.",
    "on_sequential_numbers": "G3: what is done where callers ring from one number after the other.",
    "on_many_extensions": "G3: what is done where one number rings through many extensions.",
    "on_short_answers": "G3: what is done where return calls are over at once, again and again.",
    "on_sudden_spend": "G3: what is done where much more is spent than is usual here.",
    "callbacks": "G3: at most so many callbacks, all its extensions together.",
    "longest_call_seconds": "G3: the switch itself ends a conversation then.",
    "stop_after_unanswered": "G4: so many unanswered return calls to a number, and no more.",
    "prompts": "S2: a sound in place of a stock prompt.",
    "callerid.enabled": "Off: as if it were not on the list.",
    "pin": "A2: its own password; - asks for it here, unseen.",
    "callback_number": "T3: called instead of the number that rang.",
    "callerid.language": "S2: of the prompts; by default the extension's.",
    "speed_dials": "D3: one or two digits, and the number they dial.",
    "presets": "D5: a DID, and the destination that is connected without dialling.",
    "notes": "For the operator.",
    "currency": "What it is counted in; it never changes.",
    "unlimited": "It is never used up.",
    "sound.path": "Where the switch has it, if it was not uploaded.",
    "sound.client": "Whose it is; everybody's without one.",
    "sound.language": "In which language it speaks.",
    "role": "What it may do: everything, what is a client's own, or look.",
    "token.client": "Whose records alone it sees.",
    "expires": "When it ends: a day (from its beginning, UTC), or how long from now.",
}

#: Second names of options, that are shorter or stayed from an older release.
ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "destination_countries": ("--dial-country",),
    "destination_prefixes": ("--dial-prefix",),
    "destination_types": ("--dial-type",),
}
