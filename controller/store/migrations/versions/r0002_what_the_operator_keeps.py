"""Clients, authorised CallerIDs, channels and their numbers, accounts, sounds, tokens, audit.

Extensions that are there become the client's `main`. The number that each showed becomes a public
number of the channel `pstn`, in that client's pool and assigned to the extension (I8): what is
shown stays what it was.
"""

from __future__ import annotations

import json
import re
import time
import uuid

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_E164 = re.compile(r"\+[1-9][0-9]{4,14}\Z", re.ASCII)

MAIN = "main"
CHANNEL = "pstn"


def upgrade() -> None:
    """Make the tables, and what the old rows need of them."""
    now = int(time.time() * 1_000_000)
    _tables()
    op.execute(
        sa.insert(sa.table("client", *map(sa.column, _CLIENT))).values(
            name=MAIN,
            description="The operator's own",
            contact_name="",
            enabled=True,
            version=1,
            created=now,
            changed=now,
        )
    )
    op.execute(
        sa.insert(sa.table("policy_clock", *map(sa.column, ("id", "lineage", "seq")))).values(
            id=1, lineage=str(uuid.uuid4()), seq=0
        )
    )
    _extensions(now)
    _ledger()


_CLIENT = ("name", "description", "contact_name", "enabled", "version", "created", "changed")


def _kept() -> list[sa.Column[int]]:
    return [
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    ]


def _client(*, nullable: bool = True) -> sa.Column[str]:
    return sa.Column("client", sa.String(32), nullable=nullable)


def _tables() -> None:
    op.create_table(
        "client",
        sa.Column("name", sa.String(32)),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("contact_name", sa.String(40), nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("name", name="client_pkey"),
    )
    op.create_table(
        "channel",
        sa.Column("name", sa.String(64)),
        sa.Column("description", sa.String(200), nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("name", name="channel_pkey"),
    )
    op.create_table(
        "public_number",
        sa.Column("number", sa.String(16)),
        sa.Column("channel", sa.String(64), nullable=False),
        _client(),
        sa.Column("description", sa.String(200), nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("number", name="public_number_pkey"),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="public_number_channel_fkey"),
        sa.ForeignKeyConstraint(["client"], ["client.name"], name="public_number_client_fkey"),
    )
    op.create_index("public_number_channel", "public_number", ["channel"])
    op.create_index("public_number_client", "public_number", ["client"])
    op.create_table(
        "caller_id",
        sa.Column("extension", sa.String(10)),
        sa.Column("number", sa.String(16)),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("extension", "number", name="caller_id_pkey"),
        sa.ForeignKeyConstraint(
            ["extension"],
            ["extension.extension"],
            name="caller_id_extension_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["number"], ["public_number.number"], name="caller_id_number_fkey"),
    )
    op.create_index("caller_id_number", "caller_id", ["number"])
    op.create_table(
        "authorised_caller",
        sa.Column("extension", sa.String(10)),
        sa.Column("number", sa.String(16)),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("pin_hash", sa.String(200)),
        sa.Column("callback_number", sa.String(16)),
        sa.Column("language", sa.String(5)),
        sa.Column("speed_dials", sa.Text, nullable=False),
        sa.Column("presets", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("extension", "number", name="authorised_caller_pkey"),
        sa.ForeignKeyConstraint(
            ["extension"],
            ["extension.extension"],
            name="authorised_caller_extension_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index("authorised_caller_number", "authorised_caller", ["number"])
    op.create_table(
        "account",
        sa.Column("id", sa.String(36)),
        sa.Column("extension", sa.String(10)),
        sa.Column("caller", sa.String(16)),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("unlimited", sa.Boolean, nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("id", name="account_pkey"),
        sa.ForeignKeyConstraint(
            ["extension"],
            ["extension.extension"],
            name="account_extension_fkey",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["extension", "caller"],
            ["authorised_caller.extension", "authorised_caller.number"],
            name="account_caller_fkey",
            ondelete="SET NULL",
        ),
    )
    op.create_index("account_owner", "account", ["owner"])
    own = sa.text("caller IS NULL")
    op.create_index(
        "account_of_extension",
        "account",
        ["extension"],
        unique=True,
        sqlite_where=own,
        postgresql_where=own,
    )
    op.create_index("account_of_caller", "account", ["extension", "caller"], unique=True)
    op.create_table(
        "account_entry",
        sa.Column("account", sa.String(36)),
        sa.Column("position", sa.BigInteger, autoincrement=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("left_after", sa.BigInteger, nullable=False),
        sa.Column("order_number", sa.String(200), nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "position", name="account_entry_pkey"),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="account_entry_account_fkey"),
        sa.UniqueConstraint("account", "key", name="account_entry_key"),
        sa.CheckConstraint("position > 0", name=op.f("account_entry_position")),
    )
    op.create_table(
        "sound",
        sa.Column("language", sa.String(5)),
        sa.Column("name", sa.String(64)),
        sa.Column("path", sa.String(512), nullable=False),
        _client(),
        sa.Column("description", sa.String(200), nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("language", "name", name="sound_pkey"),
        sa.ForeignKeyConstraint(["client"], ["client.name"], name="sound_client_fkey"),
    )
    op.create_index("sound_client", "sound", ["client"])
    op.create_table(
        "token",
        sa.Column("name", sa.String(64)),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        _client(),
        sa.Column("expires", sa.BigInteger),
        *_kept(),
        sa.PrimaryKeyConstraint("name", name="token_pkey"),
        sa.UniqueConstraint("hash", name="token_hash_key"),
        sa.ForeignKeyConstraint(["client"], ["client.name"], name="token_client_fkey"),
    )
    op.create_index("token_client", "token", ["client"])
    op.create_table(
        "audit",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        _client(),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
    )
    op.create_index("audit_at", "audit", ["at"])
    op.create_index("audit_client", "audit", ["client"])
    op.create_index("audit_of", "audit", ["kind", "key"])
    op.create_table(
        "pepper",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pepper_pkey"),
        sa.CheckConstraint("id = 1", name=op.f("pepper_one_row")),
    )
    op.create_table(
        "policy_clock",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("lineage", sa.String(36), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="policy_clock_pkey"),
        sa.CheckConstraint("id = 1", name=op.f("policy_clock_one_row")),
    )
    op.create_table(
        "policy_change",
        sa.Column("seq", sa.BigInteger, autoincrement=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="policy_change_pkey"),
    )


def _extensions(now: int) -> None:
    op.drop_index("ix_did_extension", "did")
    op.create_index("did_extension", "did", ["extension"])
    with op.batch_alter_table("extension") as table:
        table.add_column(_client())
        table.add_column(sa.Column("enabled", sa.Boolean))
        table.add_column(sa.Column("version", sa.Integer))
        table.add_column(sa.Column("changed", sa.BigInteger))
    extension = sa.table(
        "extension",
        *map(sa.column, ("extension", "client", "policy", "enabled", "version", "changed")),
    )
    connection = op.get_bind()
    op.execute(sa.update(extension).values(client=MAIN, version=1, changed=now, enabled=True))
    shown: dict[str, list[str]] = {}
    rows = connection.execute(sa.select(extension.c.extension, extension.c.policy)).all()
    for number, document in rows:
        caller_id, enabled = _read(number, document)
        shown.setdefault(caller_id, []).append(number)
        if not enabled:
            off = extension.c.extension == number
            op.execute(sa.update(extension).where(off).values(enabled=False))
    _assign(shown, now)
    with op.batch_alter_table("extension") as table:
        table.alter_column("client", existing_type=sa.String(32), nullable=False)
        table.alter_column("enabled", existing_type=sa.Boolean, nullable=False)
        table.alter_column("version", existing_type=sa.Integer, nullable=False)
        table.alter_column("changed", existing_type=sa.BigInteger, nullable=False)
        table.create_foreign_key("extension_client_fkey", "client", ["client"], ["name"])
    op.create_index("extension_client", "extension", ["client"])


def _read(extension: str, document: str) -> tuple[str, bool]:
    """Give the number that an old policy shows, and whether it is on."""
    try:
        policy = json.loads(document)
        caller_id, enabled = policy["caller_id_number"], policy.get("enabled", True)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        caller_id, enabled = None, False
    if not isinstance(caller_id, str) or not _E164.match(caller_id):
        raise RuntimeError(
            f"extension {extension}: its policy is none that an older release wrote; restore the "
            "database from your backup, and upgrade that"
        )
    return caller_id, bool(enabled)


def _assign(shown: dict[str, list[str]], now: int) -> None:
    """Make a public number of each number that is shown, and assign it to who shows it."""
    if not shown:
        return
    kept = {"version": 1, "created": now, "changed": now}
    upgraded = "made by the upgrade; see route.gateways"
    tables = {
        "channel": [{"name": CHANNEL, "description": upgraded, **kept}],
        "public_number": [
            {"number": number, "channel": CHANNEL, "client": MAIN, "description": "", **kept}
            for number in shown
        ],
        "caller_id": [
            {"extension": extension, "number": number, "position": 0}
            for number, extensions in shown.items()
            for extension in extensions
        ],
    }
    for name, rows in tables.items():
        op.bulk_insert(sa.table(name, *map(sa.column, rows[0])), rows)


def _ledger() -> None:
    """Have the database itself keep the ledger append-only, and its running total right."""
    if op.get_bind().dialect.name == "postgresql":
        for statement in _POSTGRESQL:
            op.execute(statement)
    else:
        for statement in _SQLITE:
            op.execute(statement)


_SQLITE = (
    """
    CREATE TRIGGER account_entry_follows BEFORE INSERT ON account_entry
    WHEN NEW.position <> 1 + COALESCE(
            (SELECT MAX(position) FROM account_entry WHERE account = NEW.account), 0)
        OR NEW.left_after <> NEW.amount + COALESCE(
            (SELECT left_after FROM account_entry WHERE account = NEW.account
             ORDER BY position DESC LIMIT 1), 0)
    BEGIN SELECT RAISE(ABORT, 'account_entry: does not follow the entry before it'); END
    """,
    # INSERT OR REPLACE would remove the entry of the same key, and asks no trigger of it.
    """
    CREATE TRIGGER account_entry_once BEFORE INSERT ON account_entry
    WHEN EXISTS (SELECT 1 FROM account_entry WHERE account = NEW.account AND key = NEW.key)
    BEGIN SELECT RAISE(ABORT, 'account_entry: the key is there already'); END
    """,
    """
    CREATE TRIGGER account_entry_stays BEFORE UPDATE ON account_entry
    BEGIN SELECT RAISE(ABORT, 'account_entry: is append-only'); END
    """,
    """
    CREATE TRIGGER account_entry_kept BEFORE DELETE ON account_entry
    BEGIN SELECT RAISE(ABORT, 'account_entry: is append-only'); END
    """,
)

_POSTGRESQL = (
    """
    CREATE FUNCTION account_entry_follows() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        last account_entry%ROWTYPE;
    BEGIN
        SELECT * INTO last FROM account_entry WHERE account = NEW.account
            ORDER BY position DESC LIMIT 1;
        IF NEW.position <> 1 + COALESCE(last.position, 0)
            OR NEW.left_after <> NEW.amount + COALESCE(last.left_after, 0)
        THEN
            RAISE EXCEPTION 'account_entry: does not follow the entry before it'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE FUNCTION account_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'account_entry: is append-only'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER account_entry_follows BEFORE INSERT ON account_entry
    FOR EACH ROW EXECUTE FUNCTION account_entry_follows()
    """,
    """
    CREATE TRIGGER account_entry_stays BEFORE UPDATE OR DELETE ON account_entry
    FOR EACH ROW EXECUTE FUNCTION account_entry_stays()
    """,
    """
    CREATE TRIGGER account_entry_kept BEFORE TRUNCATE ON account_entry
    FOR EACH STATEMENT EXECUTE FUNCTION account_entry_stays()
    """,
)
