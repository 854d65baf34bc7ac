"""SIPp phones: each a process for one call, or for many alike; its log is read back as messages."""

import re
import socket
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from .carrier import Carrier
from .media import Media
from .messages import Message
from .net import HOST, PATIENCE_S, free_media_port, free_ports, wait_until

SCENARIOS = Path(__file__).parent / "sipp"
# Longer than any scenario here takes; SIPp then fails the call and says so.
GIVE_UP_S = 120
LOG_HEAD = re.compile(
    r"^-{20,} (\d{4}-\d\d-\d\d[ \t]+\d\d:\d\d:\d\d\.\d+)[^\n]*\n"
    r"\w+ message (sent|received)[^\n]*\n\n",
    re.MULTILINE,
)


def read_log(path: Path) -> list[Message]:
    """Read the messages that a SIPp process has logged so far."""
    if not path.exists():
        return []
    text = path.read_text("utf-8", "replace")
    heads = list(LOG_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found = []
    for head, end in zip(heads, ends, strict=False):
        at = datetime.fromisoformat(re.sub(r"[ \t]+", "T", head[1]))
        message = Message(at, sent=head[2] == "sent", text=text[head.end() : end].strip())
        # The last one may be half written.
        if message.text:
            found.append(message)
    return found


class Phone:
    """One SIPp process, its RTP endpoint and its log.

    `calls`: how many it makes or takes; only one alone is heard. `lines`: what each of those that
    it makes is about, as the fields of a line.
    """

    def __init__(
        self,
        folder: Path,
        sipp: str,
        scenario: str,
        target: str | None,
        host: str,
        *,
        calls: int = 1,
        lines: Sequence[str] = (),
        **words: str,
    ) -> None:
        self.name = folder.name
        self.port = free_ports(1)[0]
        self.media = Media(deaf=calls > 1)
        folder.mkdir(parents=True)
        text = (SCENARIOS / f"{scenario}.xml").read_text("utf-8")
        for word, value in {"rtp_port": str(self.media.port), **words}.items():
            text = text.replace("{{" + word + "}}", value)
        missing = re.findall(r"\{\{\w+\}\}", text)
        if missing:
            raise ValueError(f"{scenario}: no value for {missing}")
        file = folder / f"{scenario}.xml"
        file.write_text(text, "utf-8")
        self.log = folder / "messages.log"
        self._errors = folder / "errors.log"
        self._screen = (folder / "screen.log").open("wb")
        command = [sipp, *([target] if target else []), "-sf", str(file)]
        command += ["-i", host, "-p", str(self.port), "-mp", str(free_media_port())]
        command += ["-m", str(calls), "-nostdin", "-timeout", f"{GIVE_UP_S}s", "-timeout_error"]
        if lines:
            fields = folder / "lines.csv"
            fields.write_text("SEQUENTIAL\n" + "".join(f"{line}\n" for line in lines), "utf-8")
            command += ["-inf", str(fields), "-r", "50", "-l", str(calls)]
        command += ["-trace_msg", "-message_file", str(self.log)]
        command += ["-trace_err", "-error_file", str(self._errors)]
        self._process = subprocess.Popen(
            command, cwd=folder, stdout=self._screen, stderr=subprocess.STDOUT
        )

    def listening(self) -> bool:
        """Tell whether the phone has its port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((HOST, self.port))
            except OSError:
                return True
        return False

    def messages(self, start: str = "", sent: bool | None = None) -> list[Message]:
        """List the messages whose first line begins so."""
        return [
            m
            for m in read_log(self.log)
            if m.start.startswith(start) and (sent is None or m.sent is sent)
        ]

    def once(self, start: str) -> list[Message]:
        """List the same without those that were only sent again (RFC 3261, 17.1): busy machines."""
        return list({(m.sent, m.text): m for m in reversed(self.messages(start))}.values())[::-1]

    def wait_message(self, start: str) -> Message:
        """Wait for a message whose first line begins so."""
        wait_until(f"{self.name}: {start}", lambda: bool(self.messages(start)))
        return self.messages(start)[0]

    def wait_count(self, start: str, count: int) -> None:
        """Wait until so many messages have come whose first line begins so."""
        what = f"{self.name}: {count} x {start}"
        wait_until(what, lambda: len(self.messages(start, sent=False)) >= count)

    def hum(self, hertz: int) -> None:
        """Hum as somebody who talks, to where the switch wants to hear it."""
        text = self.wait_message("INVITE").text
        host, port = (
            re.search(r"^c=IN IP4 (\S+)", text, re.M),
            re.search(r"^m=audio (\d+)", text, re.M),
        )
        if host is None or port is None:
            raise ValueError(f"{self.name}: no address to send sound to\n{text}")
        self.media.hum(hertz, (host[1], int(port[1])))

    def finish(self, seconds: float = PATIENCE_S) -> None:
        """Wait for the end of the call; the scenario must have gone as it is written."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"{self.name} has not ended in {seconds} s\n{self._tail()}"
            ) from None
        if code != 0:
            raise AssertionError(f"{self.name}: SIPp ended with {code}\n{self._tail()}")

    def _tail(self) -> str:
        errors = self._errors.read_text("utf-8", "replace") if self._errors.exists() else ""
        seen = "\n".join(f"{'>' if m.sent else '<'} {m.at} {m.start}" for m in self.messages())
        return f"{errors[-3000:]}\n{seen}"

    def kill(self) -> None:
        """Vanish: no BYE, no more RTP."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End whatever is left."""
        if self._process.poll() is None:
            self.kill()
        self.media.close()
        self._screen.close()


class Phones:
    """The phones of one test."""

    def __init__(self, folder: Path, sipp: str, switch_port: int, carriers: list[Carrier]) -> None:
        self._folder = folder
        self._sipp = sipp
        self._target = f"{HOST}:{switch_port}"
        self.carriers = list(carriers)
        self._all: list[Phone] = []

    def _new(
        self,
        scenario: str,
        target: str | None,
        *,
        host: str = HOST,
        calls: int = 1,
        lines: Sequence[str] = (),
        **words: str,
    ) -> Phone:
        folder = self._folder / f"{len(self._all)}-{scenario}"
        phone = Phone(folder, self._sipp, scenario, target, host, calls=calls, lines=lines, **words)
        self._all.append(phone)
        return phone

    def ring(
        self,
        did: str,
        caller: str,
        scenario: str = "trigger",
        *,
        host: str = HOST,
        from_: str | None = None,
        extra_headers: str = "",
        calls: int = 1,
        lines: Sequence[str] = (),
        **words: str,
    ) -> Phone:
        """Make a call from outside, by default a trigger call that is refused with 486.

        `host` is the trunk's address.
        """
        spoken = from_ or f'"Bob" <sip:{caller}@{HOST}>'
        defaults = {"refusal": "486", "patience_ms": "90000", "ring_ms": "500"}
        return self._new(
            scenario,
            self._target,
            host=host,
            calls=calls,
            lines=lines,
            did=did,
            extra_headers=extra_headers,
            **{**defaults, **words, "from": spoken},
        )

    def ring_all(
        self, calls: Sequence[tuple[str, str]], *, host: str = HOST, extra_headers: str = ""
    ) -> Phone:
        """Make many trigger calls at once: the DID and From of each."""
        return self.ring(
            "[field0]",
            "",
            host=host,
            from_="[field1]",
            extra_headers=extra_headers,
            calls=len(calls),
            lines=[";".join(call) for call in calls],
        )

    def expect(
        self, number: str, scenario: str = "answer", *, calls: int = 1, **words: str
    ) -> Phone:
        """Put a phone behind a number, on every trunk; `calls`: how many calls it takes."""
        defaults = {"ring_ms": "300", "patience_ms": "90000", "talk_ms": "2000"}
        phone = self._new(scenario, None, calls=calls, **{"extra_headers": "", **defaults, **words})
        wait_until(f"{phone.name} listens", phone.listening)
        self.connect(number, phone)
        return phone

    def connect(self, number: str, phone: Phone) -> None:
        """Put a phone behind one more number."""
        for carrier in self.carriers:
            carrier.connect(number, phone.port)

    def close(self) -> None:
        """End every phone."""
        for phone in self._all:
            phone.close()
        for carrier in self.carriers:
            carrier.forget()
