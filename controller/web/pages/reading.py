"""How forms are read: bounded in size, and in how many fields they have (G1).

Very many fields take so long to be read that calls, which share the event loop, would notice.
"""

from __future__ import annotations

import io
from typing import IO, Any, Final

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

#: The largest form that is read, bytes, where a view takes no more (`large_view`): ten thousand
#: prices of a channel are two thirds of it.
MOST_BYTES: Final = 512 << 10
#: So many fields a form has at most: a CallerID with a thousand presets has half as many.
MOST_FIELDS: Final = 4096
_FORM: Final = "application/x-www-form-urlencoded"


class FormParser(FormDataParser):
    """Reads forms; what is too large, or has too many fields, is not taken apart."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Any:  # noqa: ANN401  (as werkzeug has it)
        """Read a form. Raises `RequestEntityTooLarge`."""
        if mimetype == _FORM:
            # A view that takes large files takes no larger forms for that.
            most = MOST_BYTES if self.max_form_memory_size is None else self.max_form_memory_size
            data = stream.read(most + 1)
            if len(data) > most or data.count(b"&") >= MOST_FIELDS:
                raise RequestEntityTooLarge
            stream = io.BytesIO(data)
        return super().parse(stream, mimetype, content_length, options)


class PageRequest(Request):
    """A request of a page."""

    form_data_parser_class = FormParser
