"""G1: the cases of abuse-cases.json on the command line, in a document and in files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from click.testing import Result

from controller.numbers.e164 import is_e164
from tests import abuse

from .running import Run, ok, said

CALLER = "+12025550310"
#: What a spreadsheet takes for a formula.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: No argument of a command can hold it.
NUL = "\0"


def harmless(result: Result) -> None:
    """Check that a command ended as commands do, and told a terminal nothing that it acts on."""
    assert result.exit_code in (0, 1, 2), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for line in (result.stdout + result.stderr).split("\n"):
        assert line.isprintable(), ascii(line)


def test_g1_a_hostile_number_is_no_argument(stocked: Run) -> None:
    """G1, T10: it is refused in words, or is E.164 and refused with its reason."""
    for number in abuse.NUMBERS:
        asked = stocked("callback", "ask", "--json", "100", "--", number)
        harmless(asked)
        if asked.exit_code == 0:
            kept = json.loads(asked.stdout)
            assert (kept["state"], kept["number"]) == ("refused", number)
            assert is_e164(number)
        added = stocked("callerid", "add", "100", "--", number)
        harmless(added)
        assert (added.exit_code == 0) == is_e164(number)
    listed = said(stocked("callerid", "list", "--json"))
    assert all(is_e164(one["number"]) for one in listed)
    assert ok(stocked("extension", "show", "100"))


def test_g1_a_hostile_name_is_shown_to_nobody(stocked: Run) -> None:
    """G1, I1: as a name it is refused; as a description it is itself and does nothing."""
    for name in abuse.NAMES:
        if NUL in name:
            continue
        harmless(refusal := stocked("extension", "set", "100", "--caller-id-name", name))
        assert refusal.exit_code == 1
        changed = stocked("extension", "set", "100", "--description", name)
        harmless(changed)
        shown = stocked("extension", "show", "100")
        harmless(shown)
        kept = said(stocked("extension", "show", "100", "--json"))
        assert changed.exit_code == 1 or kept["description"] == name
        assert kept["caller_id_name"] in (None, "")


def test_g1_hostile_digits_are_no_number(stocked: Run) -> None:
    """G1, D3: no call would be made to any of them."""
    for digits in abuse.DIGITS:
        told = stocked("explain", "callerid", "100", f"--to={digits}")
        harmless(told)
        assert told.exit_code == 1


def test_g1_a_document_of_hostile_texts_is_refused_by_its_places(
    stocked: Run, tmp_path: Path
) -> None:
    """G1: each is told with its place, and nothing is written."""
    before = said(stocked("callerid", "list", "--json"))
    file = tmp_path / "document.json"
    callers = [{"number": n} for n in abuse.NUMBERS if not is_e164(n)]
    names = [
        {"extension": f"7{place}", "country": "US", "dids": [], "caller_id_name": name}
        for place, name in enumerate(abuse.NAMES)
    ]
    first = {"extension": "700", "country": "US", "dids": [], "authorised_callers": callers}
    file.write_text(json.dumps({"version": 1, "extensions": [first, *names]}), "utf-8")
    result = stocked("import", str(file))
    harmless(result)
    assert (result.exit_code, result.stdout) == (1, "")
    for place in range(1, len(names) + 1):
        assert f"extensions[{place}]" in result.stderr or f"7{place - 1}" in result.stderr
    assert said(stocked("callerid", "list", "--json")) == before


def test_g1_a_csv_of_hostile_texts_is_refused_line_by_line(stocked: Run, tmp_path: Path) -> None:
    """G1: every bad line is told, and nothing is written."""
    stream = io.StringIO(newline="")
    rows = [number for number in abuse.NUMBERS if not is_e164(number)]
    csv.writer(stream).writerows([["number", "notes"], *([n or " ", "x"] for n in rows)])
    file = tmp_path / "in.csv"
    file.write_text(stream.getvalue(), "utf-8")
    result = stocked("callerid", "import", "100", str(file))
    harmless(result)
    assert result.exit_code == 1
    assert f"{len(rows)} lines are bad" in result.stderr
    assert said(stocked("callerid", "list", "--json")) == []


def test_g1_no_cell_that_goes_out_is_a_formula(stocked: Run, tmp_path: Path) -> None:
    """G1: `=HYPERLINK(…)` and its like in a file are text, and come back as they were."""
    texts = [n for n in (*abuse.NAMES, *abuse.NUMBERS, *abuse.DIGITS) if len(n) < 200]
    callers = [
        {"number": f"+120255504{place:02}", "notes": text}
        for place, text in enumerate(texts)
        if text.isprintable()
    ]
    file = tmp_path / "document.json"
    extension = {
        "extension": "100", "country": "US", "dids": ["+12025550100"],
        "caller_ids": ["+12025550111"], "authorised_callers": callers,
    }  # fmt: skip
    file.write_text(json.dumps({"version": 1, "extensions": [extension]}), "utf-8")
    ok(stocked("import", str(file)))
    out = tmp_path / "out.csv"
    ok(stocked("callerid", "export", "100", str(out)))
    rows = list(csv.DictReader(io.StringIO(out.read_text("utf-8"))))
    assert len(rows) == len(callers)
    for row in rows:
        assert not row["notes"].startswith(FORMULAS)
    assert any(row["notes"].startswith("'=HYPERLINK") for row in rows)
    again = said(stocked("callerid", "import", "100", str(out), "--json"))
    assert (again["changed"], again["same"]) == (0, len(callers))
