"""Every metric, by name. No label holds anything about a person, or text from outside."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from controller import __version__
from controller.release import commit


class Metrics:
    """The metrics of one controller, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        # CPU, memory and open files of the process: process_…
        ProcessCollector(registry=registry)
        Gauge(
            "callbackd_build_info", "Which release this is, and of which commit; always 1.",
            ["version", "commit"], registry=registry,
        ).labels(__version__, commit()).set(1)  # fmt: skip
        self.triggers = Counter(
            "callbackd_trigger_calls",
            "Trigger calls by what they led to: callback, joined, or the reason why not.",
            ["outcome"],
            registry=registry,
        )
        self.callbacks = Counter(
            "callbackd_callbacks",
            "Callback requests that ended, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self.retries = Counter(
            "callbackd_callback_retries",
            "Return calls that were not answered and are made again, by how they ended.",
            ["outcome"],
            registry=registry,
        )
        self.legs = Gauge(
            "callbackd_legs",
            "Legs that this controller holds or follows, by kind (trigger, return).",
            ["kind"],
            registry=registry,
        )
        self.taken_over = Counter(
            "callbackd_legs_taken_up_total",
            "Return legs that connected again: after a conversation, or from another controller.",
            registry=registry,
        )
        self.handed_over = Counter(
            "callbackd_legs_handed_over",
            "Legs that were left to other controllers when this one was told to stop: ringing, "
            "unasked (before a question), at_rest (after one), telling (in the last sentence), "
            "cut.",
            ["how"],
            registry=registry,
        )
        self.legs_moved = Counter(
            "callbackd_legs_moved",
            "Legs of controllers that were dead or stood still which this one had connected to "
            "another, by kind.",
            ["kind"],
            registry=registry,
        )
        self.not_routed = Counter(
            "callbackd_calls_not_routed",
            "Calls for which no way was found, by reason (no_channel, no_caller_id, own_number, "
            "emergency, no_credit, no_rate, spend_limit, suspicion_sudden_spend).",
            ["reason"],
            registry=registry,
        )
        self.too_many_calls = Counter(
            "callbackd_too_many_calls",
            "Return calls that had to wait because there were as many at a time as there may be: "
            "extension, client, all.",
            ["whose"],
            registry=registry,
        )
        self.spend_limited = Counter(
            "callbackd_spend_limited",
            "Calls under way that are to end sooner because their extension may spend no more.",
            registry=registry,
        )
        self.calling = Gauge(
            "callbackd_return_calls_calling",
            "Return calls that were sent and are neither answered nor refused yet.",
            registry=registry,
        )
        self.connections = Gauge(
            "callbackd_esl_connections", "Connections of socket applications.", registry=registry
        )
        self.refused = Counter(
            "callbackd_esl_refused",
            "Connections that were not taken, by reason (address, limit, switch, draining).",
            ["reason"],
            registry=registry,
        )
        self.esl_errors = Counter(
            "callbackd_esl_errors",
            "Connections that ended with an error, by kind.",
            ["kind"],
            registry=registry,
        )
        self.greenlets = Gauge(
            "callbackd_greenlets",
            "Greenlets of our own at work, those of connections not counted.",
            registry=registry,
        )
        self.link_up = Gauge(
            "callbackd_node_up", "Whether the link to a node is up.", ["node"], registry=registry
        )
        self.node_refusals = Counter(
            "callbackd_node_refusals",
            "Return calls that a node refused for its own reasons: paused, or full.",
            ["node"],
            registry=registry,
        )
        self.nodes_lost = Counter(
            "callbackd_nodes_lost",
            "Times that the calls of a node were ended because no controller had a link to it.",
            registry=registry,
        )
        self.announcements_refused = Counter(
            "callbackd_announcements_refused",
            "Announced nodes that were not believed, by reason: address (not in "
            "discovery.allow), configured (a node of this name is in [[nodes]]), malformed, many "
            "(as many were found as may be).",
            ["reason"],
            registry=registry,
        )
        self.sounds_missing = Gauge(
            "callbackd_sounds_missing",
            "Uploaded sounds that a node does not have where it is told to play them from.",
            ["node"],
            registry=registry,
        )
        self.prompts_missing = Gauge(
            "callbackd_prompts_missing",
            "Sounds and say modules that callers need and a node lacks.",
            ["node"],
            registry=registry,
        )
        self.channel_up = Gauge(
            "callbackd_channel_up",
            "Whether a node sends calls over a channel's gateway, by what the switch says.",
            ["node", "channel"],
            registry=registry,
        )
        self.channel_failing = Gauge(
            "callbackd_channel_set_aside",
            "Whether a channel is left alone on a node, having failed several times in a row.",
            ["node", "channel"],
            registry=registry,
        )
        self.channel_failures = Counter(
            "callbackd_channel_failures",
            "Calls that failed because of the channel, by what that was: down, silent, failed, "
            "full, refused.",
            ["channel", "cause"],
            registry=registry,
        )
        self.legs_settled = Counter(
            "callbackd_legs_settled",
            "Legs that are over and were settled here, by what told of it: event, record (of the "
            "switch), estimate.",
            ["source"],
            registry=registry,
        )
        self.legs_charged = Counter(
            "callbackd_legs_charged",
            "Legs that somebody was charged for.",
            registry=registry,
        )
        self.legs_uncovered = Counter(
            "callbackd_legs_uncovered",
            "Legs that cost more than was held for them; the rest was charged to nobody.",
            registry=registry,
        )
        self.calls = Counter(
            "callbackd_calls",
            "Legs that are over, by side (return, destination), by the channel that they went out "
            "over (none: by none, or nobody knows), and by result: answered, or why not (busy, "
            "no_answer, rejected, unallocated, failed, stopped). Answered of all is the ASR.",
            ["side", "channel", "result"],
            registry=registry,
        )
        self.talk_seconds = Histogram(
            "callbackd_talk_seconds",
            "How long answered legs lasted, from their answer to their end. Sum by count is the "
            "ACD.",
            ["side", "channel"],
            buckets=(1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200),
            registry=registry,
        )
        self.post_dial_delay = Histogram(
            "callbackd_post_dial_delay_seconds",
            "From when a leg was made until its far end was first heard of: that it rings, its "
            "own sound, or its answer.",
            ["side", "channel"],
            buckets=(0.25, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 15, 30, 60),
            registry=registry,
        )
        self.charged = Counter(
            "callbackd_charged_micro_units",
            "What legs were charged, in millionths of their account's currency.",
            ["currency"],
            registry=registry,
        )
        self.uncovered = Counter(
            "callbackd_uncovered_micro_units",
            "What legs cost beyond what was held for them, and nobody was charged; likewise.",
            ["currency"],
            registry=registry,
        )
        self.held = Gauge(
            "callbackd_held_micro_units",
            "What is held for calls that go on, in millionths of a currency; of the whole store, "
            "so each controller tells the same.",
            ["currency"],
            registry=registry,
        )
        self.requests_open = Gauge(
            "callbackd_requests_open",
            "Callback requests that are not over, by state (pending, calling, answered); of the "
            "whole store.",
            ["state"],
            registry=registry,
        )
        self.oldest_due = Gauge(
            "callbackd_oldest_due_seconds",
            "For how long the callback has been due that waits longest; 0: none waits that is. Of "
            "the whole store.",
            registry=registry,
        )
        self.loop_late = Histogram(
            "callbackd_loop_late_seconds",
            "How much later than it was to the event loop came round, asked twice a second: so "
            "long everything waits that a caller does.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
            registry=registry,
        )
        self.records_broken = Counter(
            "callbackd_switch_records_broken",
            "Call records of a node that cannot be read, and were set aside.",
            ["node"],
            registry=registry,
        )
        self.wrong_tokens = Counter(
            "callbackd_wrong_tokens",
            "Tokens that the API did not take, by result: wrong, refused (unseen, since too many "
            "wrong ones came from there).",
            ["result"],
            registry=registry,
        )
        self.log_ins = Counter(
            "callbackd_log_ins",
            "Log-ins to the pages, by result: right, code (the password was; it is still asked "
            "for), wrong, locked (not looked at).",
            ["result"],
            registry=registry,
        )
        self.passwords = Counter(
            "callbackd_password_checks",
            "Passwords checked, by result (right, wrong, failed).",
            ["result"],
            registry=registry,
        )
        self.not_taken = Counter(
            "callbackd_not_taken",
            "Tries to tell other servers or files that came to nothing, by stream (notices: of "
            "low credit, and of what the guard sees).",
            ["stream"],
            registry=registry,
        )
        self.stream_behind = Gauge(
            "callbackd_stream_behind",
            "Call records that a stream has not told yet, as this controller last looked.",
            ["stream"],
            registry=registry,
        )
        self.faults = Counter(
            "callbackd_faults",
            "Faults of our own, each logged once, by where.",
            ["where"],
            registry=registry,
        )
        self.refusal_late = Histogram(
            "callbackd_refusal_late_seconds",
            "How long after X the refusal of a trigger call was sent (T1: within 0.1).",
            buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0),
            registry=registry,
        )
        self._of_the_store(registry)

    def _of_the_store(self, registry: CollectorRegistry) -> None:
        self.erased = Counter(
            "callbackd_erased",
            "Records that were erased because they were kept long enough (O7), by kind: callback, "
            "call_record, audit_entry, suspicion, notice, log_in.",
            ["kind"],
            registry=registry,
        )
        self.store_away = Gauge(
            "callbackd_store_away_seconds",
            "For how long the database has been away, as this controller sees it; 0: it is there.",
            registry=registry,
        )
        self.store_waiting = Gauge(
            "callbackd_store_writes_waiting",
            "Writes that wait for the database, or for their turn.",
            registry=registry,
        )
        self.store_seconds = Histogram(
            "callbackd_store_seconds",
            "How long storing took, in its thread and waiting for it.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5),
            registry=registry,
        )
