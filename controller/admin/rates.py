"""What is done with the rates of a list beside making and changing them: find, import, export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, BinaryIO, Final

import msgspec
from msgspec import Meta

from controller.admin import finding, rights
from controller.admin.csv_lines import Report
from controller.admin.importing import Importer
from controller.admin.model import Actor, Invalid, Kind
from controller.admin.rates_csv import RatesFile, load
from controller.admin.uploading import Uploads
from controller.credit.pricing import Dated, in_effect, prefixes
from controller.credit.rating import charge
from controller.policy.fields import Number
from controller.policy.moments import counted
from controller.policy.prices import CallRate
from controller.store.kept import RATES

#: Of how long calls the cost is told, seconds.
TOLD_SECONDS: Final = (1, 60, 300)


class RateCost(msgspec.Struct, frozen=True):
    """What a call costs that lasts so long: micro-units."""

    seconds: int
    amount: int


class RateInEffect(msgspec.Struct, frozen=True):
    """The rate by which a call is charged that begins at a time; amounts are micro-units."""

    prefix: str
    since: int
    until: int | None
    setup_fee: int
    per_minute: int
    first_block: int
    interval: int
    description: str


class FoundRate(msgspec.Struct, frozen=True):
    """What a call to a number costs by a list.

    `rate` null: the list has none for that number, and nobody with this list can call it.
    """

    price_list: str
    currency: str
    number: str
    at: int
    rate: RateInEffect | None
    costs: Annotated[list[RateCost], Meta(description="What calls of such lengths cost.")]


class Rates(Uploads):
    """The part of `Directory` that finds rates, and takes and gives them as CSV."""

    def find_rate(
        self, actor: Actor, price_list: str, number: str, *, at: int | None = None
    ) -> FoundRate:
        """Give what a call to a number costs that begins at a time (by default now).

        `number`: E.164. Raises `NotFound`, `Invalid`.
        """
        at = self._now() if at is None else at
        try:
            msgspec.convert(number, Number)
        except msgspec.ValidationError as error:
            raise Invalid(
                f"number: {number[:40]!r} is no telephone number; write it as +12025550100"
            ) from error
        with self._reader.connect() as connection:
            found = finding.find(connection, actor, Kind.PRICE_LIST, price_list)
            name = found.value.name
            stored = RATES.of_prefixes(connection, [(name, prefix) for prefix in prefixes(number)])
        rates = {_dated(one.value): one.value for one in stored}
        rate = in_effect(rates, at)
        return FoundRate(
            price_list=name,
            currency=found.value.currency,
            number=number,
            at=at,
            rate=None if rate is None else _told(rate, rates[rate]),
            costs=[]
            if rate is None
            else [RateCost(seconds, charge(rate, seconds)) for seconds in TOLD_SECONDS],
        )

    def import_rates(
        self,
        actor: Actor,
        price_list: str,
        opened: Callable[[], BinaryIO],
        *,
        dry_run: bool,
    ) -> Report:
        """Add and change rates of a list by a CSV file, which `opened` opens, or say what it would.

        Nothing is written unless all of it is good. Raises `BadFile`, `NotFound`, `Forbidden`.
        """
        with self._reader.connect() as connection:
            finding.find(connection, actor, Kind.PRICE_LIST, price_list)
        rights.may_make(actor, Kind.RATE)
        importer = Importer(self, self._engine, actor, passwords=self._passwords)
        file = RatesFile(opened, price_list, self._now())
        return load(importer, file, self._current, dry_run=dry_run)

    def export_rates(self, actor: Actor, price_list: str) -> Iterator[CallRate]:
        """Give all rates of a list in the order of their keys. Raises `NotFound`, at once."""
        with self._reader.connect() as connection:
            finding.find(connection, actor, Kind.PRICE_LIST, price_list)
        found: Iterator[Any] = self.walk(actor, Kind.RATE, {"price_list": price_list})
        return found

    def _current(self, price_list: str, wanted: Iterable[str], at: int) -> dict[str, CallRate]:
        with self._reader.connect() as connection:
            found = RATES.of_prefixes(connection, [(price_list, prefix) for prefix in wanted])
        rates: dict[str, dict[Dated, CallRate]] = {}
        for stored in found:
            rates.setdefault(stored.value.prefix, {})[_dated(stored.value)] = stored.value
        current = {prefix: in_effect(some, at) for prefix, some in rates.items()}
        return {prefix: rates[prefix][rate] for prefix, rate in current.items() if rate is not None}


def _dated(rate: CallRate) -> Dated:
    return Dated(
        prefix=rate.prefix,
        per_minute=rate.per_minute,
        setup_fee=rate.setup_fee,
        first_block=rate.first_block,
        interval=rate.interval,
        since=counted(rate.since),
        until=None if rate.until is None else counted(rate.until),
    )


def _told(dated: Dated, rate: CallRate) -> RateInEffect:
    values = {name: getattr(dated, name) for name in Dated.__struct_fields__}
    return RateInEffect(**values, description=rate.description)
