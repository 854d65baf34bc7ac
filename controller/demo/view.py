"""The demo in the terminal: a table while it goes on, a summary at the end."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Final

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.demo.watch import Seen, Watch

#: Rows shown at a time; of more calls, the ones that go on and the last that ended.
ROWS: Final = 18


class View:
    """Shows the calls; `quiet` shows nothing but the summary, as JSON."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console()
        self._progress = Progress(
            TextColumn("callbacks ended"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )
        self._task = self._progress.add_task("calls", total=None)
        self._live: Live | None = None
        self._told: set[str] = set()

    def __enter__(self) -> View:
        if not self._quiet and self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, watch: Watch) -> None:
        """Show how the calls stand; without a terminal, a line for each that has ended."""
        if self._quiet:
            return
        if self._live is None:
            for seen in watch.calls:
                if seen.ended and seen.script.id not in self._told:
                    self._told.add(seen.script.id)
                    mark = "wrong" if seen.faults() else "ok"
                    self._console.print(
                        f"{len(self._told):>4}/{len(watch.calls)}  {seen.script.kind:<38} "
                        f"{seen.outcome:<16} {mark}",
                        highlight=False,
                    )
            return
        self._progress.update(self._task, total=len(watch.calls), completed=watch.ended)
        self._live.update(Group(_table(watch), self._progress))

    def summary(self, summary: dict[str, Any]) -> None:
        """Say how it went."""
        if self._quiet:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(summary)).decode() + "\n")
            return
        table = Table(title="What became of the calls", title_justify="left")
        table.add_column("outcome")
        table.add_column("calls", justify="right")
        for outcome, count in summary["outcomes"].items():
            table.add_row(outcome or "(none)", str(count))
        self._console.print(table)
        for call, wrong in summary["not_as_scripted"].items():
            self._console.print(f"[red]{call}[/red] {wrong['kind']}: {'; '.join(wrong['faults'])}")
        for fault in summary["faults"]:
            self._console.print(f"[red]{fault}[/red]", highlight=False)
        charged = summary["charged"]
        self._console.print(
            f"Charged: {charged.micro_units / 1_000_000:.2f} USD to {charged.accounts} accounts, "
            f"for {charged.seconds} s of {charged.legs} legs. Cut when the credit was over: "
            f"{summary['cut_by_credit']}. Not called back for lack of it: "
            f"{summary['outcomes'].get('no_credit', 0)}.",
            highlight=False,
        )
        exact = "agrees" if summary["ledger_exact"] else "[red]does not agree[/red]"
        self._console.print(
            f"The ledger {exact} with the switch's own records, leg by leg.", highlight=False
        )
        self._console.print(
            f"{summary['as_scripted']} of {summary['calls']} callbacks ended as their script says, "
            f"in {summary['seconds']} s.",
            highlight=False,
        )


def _table(watch: Watch) -> Table:
    table = Table(title="Callbacks", title_justify="left", expand=False)
    for name in ("call", "what happens", "caller", "trigger", "return call", "destination", "ends"):
        table.add_column(name, no_wrap=True)
    going = [s for s in watch.calls if not s.ended and s.trigger != "-"]
    over = [s for s in watch.calls if s.ended]
    chosen = (over[-max(ROWS - len(going), 0) :] if len(going) < ROWS else []) + going[:ROWS]
    for seen in chosen:
        table.add_row(*_row(seen))
    return table


def _row(seen: Seen) -> tuple[str, ...]:
    script = seen.script
    end = ""
    if seen.ended:
        end = f"[red]{seen.outcome}[/red]" if seen.faults() else f"[green]{seen.outcome}[/green]"
    return (
        script.id,
        script.kind,
        script.caller,
        seen.trigger,
        seen.returned,
        seen.destination,
        end,
    )
