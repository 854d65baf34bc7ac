"""Prices, what is held for calls, records of legs, and notices (M).

Accounts that are there go on as they did: with no price list their calls cost nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables, the columns, and what has the database itself keep to the credit."""
    _prices()
    _holds()
    _legs()
    _notices()
    # SQLite adds a column that refers to something only in this form.
    for table, column in (("account", "price_list"), ("channel", "cost_list")):
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR(64) "
            f"CONSTRAINT {table}_{column}_fkey REFERENCES price_list (name)"
        )
    op.add_column("account", sa.Column("low_credit", sa.BigInteger))
    op.add_column(
        "account",
        sa.Column("low_told", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.add_column("account_entry", sa.Column("call", sa.String(36)))
    postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _POSTGRESQL if postgresql else _SQLITE:
        op.execute(statement)


def _kept() -> list[sa.Column[int]]:
    return [
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    ]


def _prices() -> None:
    op.create_table(
        "price_list",
        sa.Column("name", sa.String(64)),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("name", name="price_list_pkey"),
    )
    op.create_table(
        "rate",
        sa.Column("price_list", sa.String(64), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("setup_fee", sa.BigInteger, nullable=False),
        sa.Column("per_minute", sa.BigInteger, nullable=False),
        sa.Column("first_block", sa.Integer, nullable=False),
        sa.Column("interval", sa.Integer, nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("price_list", "prefix", "since", name="rate_pkey"),
        sa.ForeignKeyConstraint(["price_list"], ["price_list.name"], name="rate_price_list_fkey"),
    )


def _holds() -> None:
    op.create_table(
        "credit_hold",
        sa.Column("call", sa.String(36)),
        sa.Column("request", sa.String(36), nullable=False),
        sa.Column("extension", sa.String(10), nullable=False),
        sa.Column("account", sa.String(36), nullable=False),
        sa.Column("limited", sa.Boolean, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("serial", sa.Integer, nullable=False),
        sa.Column("return_price", sa.Text),
        sa.Column("return_seconds", sa.Integer, nullable=False),
        sa.Column("return_answered", sa.BigInteger),
        sa.Column("return_settled", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("position", sa.Integer, nullable=False, server_default="0"),
        sa.Column("destination_price", sa.Text),
        sa.Column("destination_seconds", sa.Integer, nullable=False, server_default="0"),
        sa.Column("destination_answered", sa.BigInteger),
        sa.Column("destinations", sa.Text, nullable=False, server_default="[]"),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger),
        sa.PrimaryKeyConstraint("call", name="credit_hold_pkey"),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="credit_hold_account_fkey"),
        sa.CheckConstraint("amount >= 0", name="credit_hold_amount"),
    )
    op.create_index("credit_hold_request", "credit_hold", ["request"])
    still = sa.text("ended IS NULL")
    for column, name in (("account", "credit_hold_open"), ("until", "credit_hold_until")):
        op.create_index(name, "credit_hold", [column], sqlite_where=still, postgresql_where=still)


def _legs() -> None:
    op.create_table(
        "call_leg",
        sa.Column("serial", _SERIAL, autoincrement=True),
        sa.Column("leg", sa.String(64), nullable=False),
        sa.Column("call", sa.String(36), nullable=False),
        sa.Column("request", sa.String(36), nullable=False),
        sa.Column("side", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("extension", sa.String(10), nullable=False),
        sa.Column("client", sa.String(32)),
        sa.Column("caller", sa.String(16)),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("node", sa.String(64)),
        sa.Column("channel", sa.String(64)),
        sa.Column("shown", sa.String(64)),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("answered", sa.BigInteger),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("cause", sa.String(64)),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("account", sa.String(36)),
        sa.Column("currency", sa.String(3)),
        sa.Column("price", sa.Text),
        sa.Column("charge", sa.BigInteger, nullable=False),
        sa.Column("uncovered", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("cost_currency", sa.String(3)),
        sa.Column("cost_price", sa.Text),
        sa.Column("cost", sa.BigInteger),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("kept", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("serial", name="call_leg_pkey"),
        sa.UniqueConstraint("leg", name="call_leg_leg_key"),
    )
    for name, columns in (
        ("request", ["request"]),
        ("begun", ["begun"]),
        ("of", ["extension", "begun"]),
        ("number", ["number", "begun"]),
        ("account", ["account", "begun"]),
    ):
        op.create_index(f"call_leg_{name}", "call_leg", columns)


def _notices() -> None:
    op.create_table(
        "notice",
        sa.Column("id", _SERIAL, autoincrement=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("problem", sa.String(200)),
        sa.Column("holder", sa.String(64)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("taken", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="notice_pkey"),
        sa.UniqueConstraint("key", name="notice_key_key"),
    )
    waiting = sa.text("taken IS NULL")
    op.create_index("notice_due", "notice", ["due"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_table(
        "stream",
        sa.Column("name", sa.String(64)),
        sa.Column("serial", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(64)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("problem", sa.String(200)),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="stream_pkey"),
    )


# A limited account never has more held than is on it; what is lowered, or ended, is not asked.
# What a call is charged is no longer held: `amount` is never below 0, so that no call is charged
# more than was held for it.
_SQLITE = (
    """
    CREATE TRIGGER credit_hold_new BEFORE INSERT ON credit_hold
    WHEN NEW.limited AND NEW.ended IS NULL AND NEW.amount > COALESCE(
            (SELECT left_after FROM account_entry WHERE account = NEW.account
             ORDER BY position DESC LIMIT 1), 0)
        - COALESCE((SELECT SUM(amount) FROM credit_hold
            WHERE account = NEW.account AND ended IS NULL), 0)
    BEGIN SELECT RAISE(ABORT, 'credit_hold: the account has not so much'); END
    """,
    """
    CREATE TRIGGER credit_hold_more BEFORE UPDATE ON credit_hold
    WHEN NEW.limited AND NEW.ended IS NULL
        AND (NEW.amount > OLD.amount OR NEW.account <> OLD.account
             OR OLD.ended IS NOT NULL OR NOT OLD.limited)
        AND NEW.amount > COALESCE(
            (SELECT left_after FROM account_entry WHERE account = NEW.account
             ORDER BY position DESC LIMIT 1), 0)
        - COALESCE((SELECT SUM(amount) FROM credit_hold
            WHERE account = NEW.account AND ended IS NULL AND call <> NEW.call), 0)
    BEGIN SELECT RAISE(ABORT, 'credit_hold: the account has not so much'); END
    """,
    """
    CREATE TRIGGER account_entry_held BEFORE INSERT ON account_entry
    WHEN (NEW.kind = 'call') <> (NEW.call IS NOT NULL)
        OR (NEW.call IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM credit_hold WHERE call = NEW.call AND account = NEW.account))
    BEGIN SELECT RAISE(ABORT, 'account_entry: a call is charged to what is held for it'); END
    """,
    """
    CREATE TRIGGER account_entry_of_call AFTER INSERT ON account_entry
    WHEN NEW.call IS NOT NULL
    BEGIN
        UPDATE credit_hold SET amount = amount + NEW.amount
            WHERE call = NEW.call AND account = NEW.account AND limited;
    END
    """,
)

_POSTGRESQL = (
    """
    CREATE FUNCTION credit_hold_within() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        has BIGINT;
    BEGIN
        IF NOT NEW.limited OR NEW.ended IS NOT NULL THEN
            RETURN NEW;
        END IF;
        IF TG_OP = 'UPDATE' AND NEW.amount <= OLD.amount AND NEW.account = OLD.account
            AND OLD.ended IS NULL AND OLD.limited
        THEN
            RETURN NEW;
        END IF;
        -- Of two who hold from one account, one waits for the other.
        PERFORM 1 FROM account WHERE id = NEW.account FOR UPDATE;
        SELECT left_after INTO has FROM account_entry WHERE account = NEW.account
            ORDER BY position DESC LIMIT 1;
        IF NEW.amount > COALESCE(has, 0) - COALESCE((SELECT SUM(amount) FROM credit_hold
            WHERE account = NEW.account AND ended IS NULL AND call <> NEW.call), 0)
        THEN
            RAISE EXCEPTION 'credit_hold: the account has not so much'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER credit_hold_within BEFORE INSERT OR UPDATE ON credit_hold
    FOR EACH ROW EXECUTE FUNCTION credit_hold_within()
    """,
    """
    CREATE FUNCTION account_entry_of_call() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (NEW.kind = 'call') <> (NEW.call IS NOT NULL) THEN
            RAISE EXCEPTION 'account_entry: a call is charged to what is held for it'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.call IS NOT NULL THEN
            UPDATE credit_hold SET amount = CASE WHEN limited THEN amount + NEW.amount
                ELSE amount END
                WHERE call = NEW.call AND account = NEW.account;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'account_entry: a call is charged to what is held for it'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER account_entry_of_call AFTER INSERT ON account_entry
    FOR EACH ROW EXECUTE FUNCTION account_entry_of_call()
    """,
)
