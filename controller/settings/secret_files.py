"""Values of settings that stand in files of their own: passwords, keys, URLs with passwords.

Docker and Kubernetes mount secrets so, and systemd (`LoadCredential=`). No message of these errors
says anything of what is in a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from controller.settings.checks import SettingsError

#: Longer than that is no secret of ours, bytes.
_LONGEST: Final = 1 << 16


def read_secret(setting: str, path: object) -> str:
    """Read the value of a setting from its file, without the line break at its end.

    Raises `SettingsError` where there is no such file, or nothing that can be a value is in it.
    """
    if not isinstance(path, str) or not path:
        raise SettingsError(f"{setting}: write the path of a file")
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LONGEST + 1)
        text = content.decode()
    except OSError as error:
        raise SettingsError(f"{setting}: {path} cannot be read: {error.strerror}") from error
    except ValueError:
        raise SettingsError(f"{setting}: {path} is no text in UTF-8") from None
    if len(content) > _LONGEST:
        raise SettingsError(f"{setting}: {path} is longer than any value")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SettingsError(f"{setting}: {path} is empty; write the value into it")
    return text
