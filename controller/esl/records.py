"""What the switch writes of a leg that is over: one JSON file for each, by mod_json_cdr.

`variables` has what CHANNEL_HANGUP_COMPLETE has as `variable_…`, among it the same times to the
microsecond. The file is written just before that event is sent, in one piece but not under another
name first: it may be found half written (mod_json_cdr.c, process_cdr). With `encode-values` its
values are url-encoded; of those that are read here none holds a letter that this would change.
"""

from __future__ import annotations

import msgspec

from controller.esl.errors import BadEvent
from controller.esl.events import Field, LegOver


class CallRecord(LegOver, frozen=True, gc=False):
    """The end of a leg, as its record tells it; the switch has no event of this name."""

    name = "CALL_RECORD"


class _Variables(msgspec.Struct, gc=False):
    uuid: Field = None
    hangup_cause: Field = None
    start_uepoch: Field = None
    answer_uepoch: Field = None
    end_uepoch: Field = None
    progress_uepoch: Field = None
    progress_media_uepoch: Field = None
    callback_channel: Field = None
    callback_leg: Field = None
    callback_request: Field = None
    callback_call: Field = None
    callback_position: Field = None
    callback_stage: Field = None
    callback_charged: Field = None
    callback_said: Field = None
    bridge_hangup_cause: Field = None
    last_bridge_to: Field = None
    originate_causes: Field = None


class _Record(msgspec.Struct):
    variables: _Variables = msgspec.field(default_factory=_Variables)


_decode = msgspec.json.Decoder(_Record).decode


def decode_record(body: bytes) -> CallRecord | None:
    """Read a call record as the end of a leg; None: it is JSON, and no record of the switch's.

    Raises `BadEvent` where it is no JSON: half written, or broken.
    """
    try:
        variables = _decode(body).variables
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Headers are written as they came, and may hold bytes that are no UTF-8.
        repaired = body.decode(errors="replace").encode()
        if repaired == body:
            raise BadEvent(f"not JSON: {error}") from error
        return decode_record(repaired)
    return CallRecord(
        uuid=variables.uuid,
        hangup_cause=variables.hangup_cause,
        start_uepoch=variables.start_uepoch,
        answer_uepoch=variables.answer_uepoch,
        end_uepoch=variables.end_uepoch,
        progress_uepoch=variables.progress_uepoch,
        progress_media_uepoch=variables.progress_media_uepoch,
        channel=variables.callback_channel,
        leg=variables.callback_leg,
        request=variables.callback_request,
        call=variables.callback_call,
        position=variables.callback_position,
        stage=variables.callback_stage,
        charged=variables.callback_charged,
        said=variables.callback_said,
        bridge_hangup_cause=variables.bridge_hangup_cause,
        last_bridge_to=variables.last_bridge_to,
        originate_causes=variables.originate_causes,
    )
