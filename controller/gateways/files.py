"""A gateway as the file that FreeSWITCH reads (mod_sofia's sofia.c, parse_gateways).

What is not written has the switch's own default: it registers for an hour, tries a failed
registration again after 30 seconds, takes the proxy as realm, and the profile's context.

FreeSWITCH puts its files together line by line before it parses them (switch_xml.c, preprocess):
a line with `<include>` goes, `$${name}` is replaced wherever it stands, and a line that holds
`x-pre-process`, in whatever case, is an instruction or is dropped. So each element has a line of
its own, and no value shows it any of these.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

from controller.gateways.model import Gateway, GatewayError

#: What is written in place of a password that is shown.
MASK: Final = "***"
#: The variable by which a running gateway says of which writing of its file it is.
REVISION: Final = "callbackd_revision"

_MARK: Final = "Made by callbackd switch config"
_COMMENT: Final = f" {_MARK}, which overwrites and removes this file: change the channel instead. "
#: What no value may show to the preprocessor.
_INSTRUCTION: Final = re.compile("x-pre-process", re.IGNORECASE)
#: What XML can hold (1.0, Char), less what a value of one line has not.
_TEXT: Final = re.compile("[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]*\\Z")


def params(gateway: Gateway, password: str | None) -> dict[str, str]:
    """Give the parameters of a gateway, by FreeSWITCH's names, in the order of the file.

    Raises `GatewayError` for a password that no file can hold.
    """
    found = {"proxy": gateway.proxy, "register-transport": gateway.transport.value}
    if gateway.username is not None:
        found["username"] = gateway.user
        if gateway.user != gateway.username:
            # In an address it would be a second @; the trunk's challenge wants all of it.
            found["auth-username"] = gateway.username
        found["password"] = _checked(gateway.name, password or "")
    found["register"] = "true" if gateway.register else "false"
    if gateway.register:
        # Calls that come where the switch registered are addressed to `gw+name`: the DID is in To.
        found["extension"] = "auto_to_user"
    # The CallerID that was decided, and not the account, goes into From.
    found["caller-id-in-from"] = "true"
    if gateway.domain is not None:
        found["from-domain"] = gateway.domain
    if gateway.ping_seconds is not None:
        found["ping"] = str(gateway.ping_seconds)
    return found


def _checked(name: str, password: str) -> str:
    if not _TEXT.match(password):
        raise GatewayError(
            f"channel_passwords.{name}: holds a character that no line of text and no XML can "
            "hold; set another password"
        )
    if ":" in password:
        # Sofia-SIP takes scheme, realm, name and password apart at colons (auth_client.c,
        # auc_credentials), and cuts it off there.
        raise GatewayError(
            f"channel_passwords.{name}: holds a colon, at which FreeSWITCH cuts a password off; "
            "have the trunk give you another one"
        )
    return password


def to_xml(gateway: Gateway, *, password: str | None, revision: str = "") -> str:
    """Write the file of a gateway: plain ASCII, made to be read by FreeSWITCH.

    `password`: None where it has no username. `revision` is known by the running gateway
    (`sofia_gateway_data`), and is how one that was made anew is told from the one before. Raises
    `GatewayError` as `params` does.
    """
    root = ET.Element("include")
    root.append(ET.Comment(_COMMENT))
    element = ET.SubElement(root, "gateway", name=gateway.name)
    for name, value in params(gateway, password).items():
        ET.SubElement(element, "param", name=name, value=value)
    if revision:
        variables = ET.SubElement(element, "variables")
        # `inbound`: a call that goes out carries no trace of it.
        ET.SubElement(variables, "variable", name=REVISION, value=revision, direction="inbound")
    ET.indent(root)
    text = ET.tostring(root, encoding="us-ascii").decode("ascii") + "\n"
    # Character references, as the library writes them for what is not ASCII: only values have any.
    text = text.replace("$", "&#36;")
    return _INSTRUCTION.sub(lambda found: found[0].replace("-", "&#45;"), text)


class Written:
    """A file that was written for a gateway, read again.

    It is no Struct, whose `repr` would show the password.
    """

    def __init__(self, name: str, params: dict[str, str], revision: str) -> None:
        self.name = name
        self.params = params
        self.revision = revision


def from_xml(text: str) -> Written | None:
    """Read a file that `to_xml` wrote; None: it is no such file, and somebody else's."""
    comments: list[str] = []

    class Builder(ET.TreeBuilder):
        def comment(self, text: str | None, /) -> ET.Element:
            comments.append(text or "")
            return super().comment(text)

    try:
        root = ET.fromstring(text, ET.XMLParser(target=Builder()))  # noqa: S314  (our own file)
    except ET.ParseError:
        return None
    element = root.find("gateway")
    if element is None or not comments or not comments[0].strip().startswith(_MARK):
        return None
    found = {one.get("name", ""): one.get("value", "") for one in element.iterfind("param")}
    variable = element.find(f"variables/variable[@name='{REVISION}']")
    revision = variable.get("value", "") if variable is not None else ""
    return Written(element.get("name", ""), found, revision)


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Say which parameters changed: `proxy: a -> b`; of a password only that it did."""
    said = []
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, "-"), after.get(name, "-")
        if old != new:
            said.append(name if name == "password" else f"{name}: {old} -> {new}")
    return said
