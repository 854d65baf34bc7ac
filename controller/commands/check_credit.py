"""What `callbackd check` says of another charging engine than ours (`credit.engine`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from controller.commands.findings import Finding
from controller.commands.waiting import Late, within
from controller.settings import Settings

#: Later than any hold ends.
_FOREVER: Final = 2**62


def credit(settings: Settings) -> Iterator[Finding]:
    """Load it as the controller does, and ask it what is held: that changes nothing."""
    from controller.store.charging_elsewhere import EngineError, load_provider

    name = settings.credit.engine
    if not name:
        return
    seconds = settings.credit.engine_seconds

    def held() -> int:
        provider = load_provider(name, settings.credit.options)
        try:
            return len(provider.overdue(_FOREVER))
        finally:
            end = getattr(provider, "close", None)
            if callable(end):
                end()

    remedy = "see to the billing that it asks, and to credit.options: nobody is called back"
    try:
        # It may block for as long as it likes: a controller asks it in a thread too.
        text = f"{name} answers; it holds for {within(seconds, held)} calls"
    except EngineError as error:
        yield Finding(
            subject="credit", well=False, text=str(error), remedy="see docs/credit-engine.md"
        )
    except Late:
        text = f"credit.engine: {name} said nothing for {seconds:g} s"
        yield Finding(subject="credit", well=False, text=text, remedy=remedy)
    except Exception as error:  # noqa: BLE001  (somebody else's code)
        text = f"credit.engine: {name} cannot be asked: {type(error).__name__}: {error}"
        yield Finding(subject="credit", well=False, text=text, remedy=remedy)
    else:
        yield from _accounts(settings, text)


def _accounts(settings: Settings, text: str) -> Iterator[Finding]:
    """Say so where there are accounts of ours: nobody is charged by them."""
    from sqlalchemy import func, select
    from sqlalchemy.exc import SQLAlchemyError

    from controller.store.database import DatabaseError, look_at_database
    from controller.store.schema import account

    remedy = ""
    try:
        with look_at_database(settings.database_url) as (engine, _), engine.connect() as connection:
            count = connection.execute(select(func.count()).select_from(account)).scalar_one()
        if count:
            text += f"; {count} accounts in the database of callbackd pay for nothing"
            remedy = "take their money to your billing; what pages show of them is of before"
    except (DatabaseError, SQLAlchemyError):
        pass  # that is a finding of its own
    yield Finding(subject="credit", well=True, text=text, remedy=remedy)
