"""M2, M8: prices on the command line, and accounts' histories: amounts as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result

from .running import Run, ok, said, shown, told


def refused(result: Result, *says: str) -> None:
    """Check that a command ended with 1 and says this; bad lines come before the error."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    for part in says:
        assert part in result.stderr


@pytest.fixture
def priced(stocked: Run) -> Run:
    """Extension 100 is charged by the list `retail`, in EUR, which has two rates."""
    ok(stocked("price-list", "add", "retail", "--currency", "EUR", "--description", "ours"))
    ok(stocked("rate", "add", "retail", "+", "--per-minute", "0.5", "--since", "2026-01-01"))
    block = ("--first-block", "60", "--interval", "6", "--since", "2026-01-01")
    fee = ("--per-minute", "0.0125", "--setup-fee", "0.01")
    ok(stocked("rate", "add", "retail", "+49", *fee, *block))
    low = ("--price-list", "retail", "--low-credit", "2.50")
    ok(stocked("account", "add", "100", "--currency", "EUR", *low))
    return stocked


def test_m2_lists_and_rates_are_shown_as_they_were_written(priced: Run) -> None:
    assert told(ok(priced("price-list", "list"))) == [
        "name currency description", "retail EUR ours",
    ]  # fmt: skip
    assert told(ok(priced("rate", "list", "--price-list", "retail", "--prefix", "+4"))) == [
        "price list prefix per minute setup fee first block interval since until description",
        "retail +49 0.0125 0.01 60 6 2026-01-01T00:00:00Z - -",
    ]
    account = shown(ok(priced("account", "show", "100")))
    assert (account["price_list"], account["low_credit"]) == ("retail", "2.50 EUR")
    rate = said(priced("rate", "show", "retail", "+49", "--json"))
    assert (rate["per_minute"], rate["setup_fee"]) == (12_500, 10_000)
    assert said(priced("rate", "show", "retail", "+49", "2026-01-01", "--json")) == rate


def test_m2_a_rate_that_has_begun_is_ended_and_followed_by_another(priced: Run) -> None:
    refused(
        priced("rate", "set", "retail", "+49", "--per-minute", "0.02"),
        "per_minute: this rate has begun",
    )
    refused(priced("rate", "remove", "retail", "+49", "--yes"), "it has begun", "--until now")
    ok(priced("rate", "set", "retail", "+49", "--until", "now"))
    ok(priced("rate", "add", "retail", "+49", "--per-minute", "0.02"))
    refused(priced("rate", "show", "retail", "+49"), "+49 has several rates in retail; add since")
    found = said(priced("rate", "find", "+4930123456", "--list", "retail", "--json"))
    assert found["rate"]["per_minute"] == 20_000


def test_m2_what_a_call_costs_is_told(priced: Run) -> None:
    printed = told(ok(priced("rate", "find", "+4930123456", "--list", "retail")))
    assert printed == [
        "+49 since 2026-01-01T00:00:00.000000Z: 0.0125 EUR a minute, 0.01 EUR at the beginning, "
        "first block 60 s, then every 6 s",
        " 1 s 0.0225 EUR", " 60 s 0.0225 EUR", " 300 s 0.0725 EUR",
    ]  # fmt: skip
    refused(
        priced("rate", "find", "+4930123456", "--list", "retail", "--at", "2020-01-01"),
        "retail has no rate for +4930123456", "no_rate",
    )  # fmt: skip
    refused(priced("rate", "find", "030", "--list", "retail"), "write it as +1202")
    refused(priced("rate", "find", "+4930123456", "--list", "none"), "there is no price list none")


def test_m3_what_a_callback_needs_and_may_cost_is_written_as_money_too(priced: Run) -> None:
    needs = ("--minimum-credit", "1.50", "--return-call-exposure", "0.125")
    changed = shown(ok(priced("extension", "set", "100", *needs)))
    assert (changed["minimum_credit"], changed["return_call_exposure"]) == ("1.5", "0.125")
    for wrong, says in (("-1", "write 0 or more"), ("1,5", "write digits with a point: 12.50")):
        result = priced("extension", "set", "100", "--minimum-credit", wrong)
        assert (result.exit_code, says in result.stderr) == (2, True), result.output
    changed = shown(ok(priced("extension", "set", "100", "--reset", "minimum-credit")))
    assert changed["minimum_credit"] == "-"
    most = ("--most-spent-per-hour", "2.50", "--most-spent-per-day", "20")
    changed = shown(ok(priced("extension", "set", "100", *most)))
    assert (changed["most_spent_per_hour"], changed["most_spent_per_day"]) == ("2.5", "20")


def test_m8_a_top_up_that_would_take_away_names_the_command_that_does(priced: Run) -> None:
    refused(
        priced("account", "top-up", "100", "-3", "--order", "A-1"),
        "a top-up adds", "callbackd account correct 100 -3",
    )  # fmt: skip
    misspelled = priced("account", "top-up", "100", "3", "--order", "A-1", "--note", "x")
    assert (misspelled.exit_code, "--note" in misspelled.stderr) == (2, True)


def test_m2_an_amount_is_exact_or_refused(priced: Run) -> None:
    for amount in ("0,5", "0.0000001", "x", "-1"):
        result = priced("rate", "add", "retail", "+1", "--per-minute", amount)
        assert result.exit_code == 2, result.output
    assert priced("rate", "add", "retail", "+1", "--per-minute", "1", "--since", "x").exit_code == 2


def test_m2_rates_are_imported_and_exported(priced: Run, tmp_path: Path) -> None:
    file, out = tmp_path / "rates.csv", tmp_path / "out.csv"
    file.write_text("prefix,per_minute,since\n44,0.5,2026-01-01\n+,0.5,2026-01-01\n")
    import_ = ("rate", "import", str(file), "--list", "retail")
    assert told(ok(priced(*import_, "--dry-run"))) == [
        "1 created, 0 changed, 1 same", "a dry run: nothing was written",
    ]  # fmt: skip
    assert told(ok(priced(*import_))) == ["1 created, 0 changed, 1 same"]
    ok(priced("rate", "export", str(out), "--list", "retail"))
    printed = ok(priced("rate", "export", "--list", "retail"))
    assert printed.splitlines() == out.read_text().splitlines()
    assert len(printed.splitlines()) == 4
    again = said(priced("rate", "import", str(out), "--list", "retail", "--json"))
    assert again == {"dry_run": False, "created": 0, "changed": 0, "same": 3, "bad": []}
    file.write_text("prefix,per_minute\n0044,1\n+45,1\n,x\n")
    refused(
        priced(*import_, "--dry-run"),
        "line 2, prefix: '0044' is no beginning", "line 4, prefix: is missing",
        "2 lines are bad, and nothing was written; of the others it would be: 1 created",
    )  # fmt: skip
    file.write_text("prefix\n")
    refused(priced(*import_), f"{file}: the column per_minute is missing")
    refused(priced("rate", "import", str(out), "--list", "none"), "there is no price list none")


def test_m8_a_history_is_filtered_and_written_as_csv(priced: Run, tmp_path: Path) -> None:
    ok(priced("account", "top-up", "100", "12.50", "--order", "A-1", "--key", "k-1"))
    ok(priced("account", "correct", "100", "-0.5", "--key", "k-2", "--notes", "by hand"))
    history = ("account", "history", "100")
    assert len(told(ok(priced(*history)))) == 3
    (line,) = said(priced(*history, "--kind", "correction", "--json"))
    assert (line["key"], line["amount"], line["left_after"]) == ("k-2", -500_000, 12_000_000)
    assert said(priced(*history, "--until", "2020-01-01", "--json")) == []
    assert len(said(priced(*history, "--since", "1h", "--limit", "1", "--json"))) == 1
    rows = [line.split(",") for line in ok(priced(*history, "--csv", "-")).splitlines()]
    assert rows[0][:7] == [
        "order_number", "date", "amount", "left_after", "who", "notes", "kind",
    ]  # fmt: skip
    assert [row[0] for row in rows[1:]] == ["A-1", ""]
    assert [row[2:4] for row in rows[1:]] == [["12.5", "12.5"], ["-0.5", "12"]]
    out = tmp_path / "history.csv"
    ok(priced(*history, "--csv", str(out), "--kind", "top_up"))
    assert len(out.read_text().splitlines()) == 2
    assert priced(*history, "--csv", str(out), "--json").exit_code == 2


def test_m8_top_ups_are_imported_once(priced: Run, tmp_path: Path) -> None:
    file = tmp_path / "paid.csv"
    file.write_text("account,key,amount,order_number\n100,bank/1,12.50,A-1\n")
    import_ = ("account", "import", str(file))
    assert told(ok(priced(*import_, "--dry-run")))[0] == "1 created, 0 changed, 0 same"
    assert told(ok(priced(*import_))) == ["1 created, 0 changed, 0 same"]
    assert told(ok(priced(*import_))) == ["0 created, 0 changed, 1 same"]
    assert shown(ok(priced("account", "show", "100")))["balance"] == "12.50 EUR"
    file.write_text("account,key,amount,kind\n100,k,1,call\n200,k,1,\n")
    refused(
        priced(*import_),
        "line 2, kind: `call` is what a call was charged",
        "line 3, account: there is no account 200",
        "2 lines are bad, and nothing was written",
    )
