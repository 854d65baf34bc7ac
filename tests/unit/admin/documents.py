"""Documents, and stores that they go into and come out of."""

from __future__ import annotations

import io
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from controller.admin import document
from controller.admin.bulk import Applied
from controller.admin.directory import Directory
from controller.admin.importing import Importer, Refused
from controller.admin.model import Actor, Kind
from controller.admin.shapes import KEYS
from controller.admin.texts import Writer
from controller.policy.records import Role
from controller.store.database import open_database
from controller.store.passwords import Passwords

ADMIN = Actor(name="test", role=Role.ADMIN)
PEPPER = b"0123456789abcdef"
FORMATS = ("yaml", "json", "jsonl")

#: Something of every kind.
WHOLE = """
version: 1
clients:
- name: main
  description: The operator's own
- name: norway
  contact_name: Acme
price_lists:
- {name: retail, currency: NOK, description: What we charge}
- {name: trunk, currency: EUR}
rates:
- {price_list: retail, prefix: +, since: 2026-01-01T00:00:00Z, per_minute: 500000}
- price_list: retail
  prefix: +47
  since: 2026-01-01T01:00:00+01:00
  until: 2100-01-01T00:00:00Z
  setup_fee: 100000
  per_minute: 250000
  first_block: 30
  interval: 6
  description: Norway
channels:
- name: pstn
  addresses: [192.0.2.10, 2001:db8::/32]
  identity: [p-asserted-identity, from]
  country: NO
  rewrite: {00: +, 0: +47, '': '+'}
  refusal_cause: CALL_REJECTED
  trust_callers: yes
  enabled: off
  destinations: {+47: 12000, +: 90000}
  priority: 5
  hours: [mon-fri 08:00-18:00, sat 22:00-02:00]
  time_zone: Europe/Oslo
  concurrent_calls: 30
  progress_seconds: 8
  number_format: national
  dial_prefix: 00
  caller_id_format: plus
  domain: sip.example.com
  hidden_identity: private
  proxy: sip.example.com:5061
  transport: tls
  username: 0123
  register: yes
  ping_seconds: 30
  cost_list: trunk
numbers:
- {number: +12025550111, channel: pstn, client: main}
- {number: +4721234567, channel: pstn, client: norway}
extensions:
- extension: 1001
  dids: [+12025550100]
  country: US
  caller_ids: [+12025550111]
  ring_seconds: 7
  authorised_callers:
  - number: +12125550199
    speed_dials: {1: +12125550188}
    notes: |
      two
      lines
  - number: +12125550198
    enabled: no
- extension: '007'
  client: norway
  dids: [+4721234568]
  country: NO
  return_countries: [NO, SE]
  caller_ids: [+4721234567]
  caller_id_name_from: equipment
  caller_id_choice: sticky
  hide_caller_id: yes
  p_asserted_identity: yes
  p_preferred_identity: sip:007@example.com
accounts:
- {extension: 1001, currency: EUR, unlimited: yes}
- {extension: 1001, caller: +12125550199, currency: NOK, price_list: retail, low_credit: 5000000}
sounds:
- {name: welcome, language: no, path: /a.wav}
"""


class World:
    """A store, and documents that go into it and come out of it."""

    def __init__(self, path: Path, template: Path | None, url: str = "") -> None:
        path.mkdir(exist_ok=True)
        if template is not None:
            shutil.copy(template, path / "callbackd.sqlite3")
        self.path = path
        self.engine: Engine = open_database(url or f"sqlite:///{path}/callbackd.sqlite3")
        ticks = itertools.count(1)
        self.passwords = Passwords(PEPPER)
        self.directory = Directory(
            self.engine, passwords=lambda: self.passwords, now=lambda: next(ticks)
        )
        self.hashed = 0

    def _hashed(self) -> None:
        self.hashed += 1

    def take(self, text: str, written_as: str = "yaml", *, dry_run: bool = False) -> Applied:
        """Import a document; give all that was done."""
        file = self.path / f"taken.{written_as}"
        file.write_text(text, encoding="utf-8")
        importer = Importer(
            self.directory,
            self.engine,
            ADMIN,
            passwords=lambda: self.passwords,
            hashed=self._hashed,
        )
        done = importer.run(document.open_document(file, written_as), dry_run=dry_run)
        return sum(done.values(), Applied())

    def give(self, written_as: str = "yaml", *, secrets: bool = False) -> str:
        """Export a document."""
        stream = io.StringIO()
        document.export(
            self.directory,
            ADMIN,
            Writer(stream, written_as),
            nested=written_as != "jsonl",
            secrets=secrets,
        )
        return stream.getvalue()

    def one(self, kind: Kind, key: str) -> Any:
        """Give a record with its hashes."""
        found = {
            "/".join(getattr(record, name) for name in KEYS[kind]): record
            for record in self.directory.walk(ADMIN, kind)
        }
        return found[key]

    def refused(self, text: str, written_as: str = "yaml", *, dry_run: bool = False) -> list[str]:
        """Give why a document was refused, and see that nothing was written."""
        before = self.give(secrets=True)
        with pytest.raises(Refused) as error:
            self.take(text, written_as, dry_run=dry_run)
        assert self.give(secrets=True) == before
        return [str(problem) for problem in error.value.problems]


def extension(**more: Any) -> dict[str, Any]:
    """An extension that needs nothing but the number that `numbers` define."""
    return {
        "extension": "1001",
        "dids": ["+12025550100"],
        "country": "US",
        "caller_ids": ["+12025550111"],
        **more,
    }


def whole(*extensions: Any, **sections: Any) -> str:
    """A document of extensions, with what they need."""
    return json.dumps(
        {
            "version": 1,
            "channels": [{"name": "pstn"}],
            "numbers": [{"number": "+12025550111", "channel": "pstn", "client": "main"}],
            "extensions": extensions,
            **sections,
        }
    )


#: With passwords in clear.
SECRET = whole(
    extension(
        password="24682468",
        authorised_callers=[{"number": "+12125550199", "pin": "13571357"}],
    )
)
