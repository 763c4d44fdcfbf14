"""The search benchmark's two tables: every setting, and each system's fastest at equal recall."""

from collections.abc import Sequence

from rich.table import Table

from benchmarks.search.one_system import Row

TARGETS = (0.9, 0.95, 0.985)
COLUMNS = (
    "system", "params", "rows", "recall@10", "p50 ms", "p99 ms", "cold p50", "cold p99", "queries/s", "anon GB",
    "disk GB", "build s",
)  # fmt: skip


def all_rows(rows: Sequence[Row], *, full: int) -> Table:
    """Every setting of every system."""
    table = _table("Every setting", rows, full)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def at_equal_recall(rows: Sequence[Row], *, full: int) -> Table:
    """For each recall that is aimed at, the setting of each system that reaches it with the most queries a second."""
    table = _table("The fastest setting that reaches a recall", rows, full)
    for target in TARGETS:
        table.add_section()
        table.add_row(f"[bold]recall@10 of {target} or more")
        for row in fastest(rows, target):
            table.add_row(*_cells(row))
        lacking = dict.fromkeys(
            row.system for row in rows if row.system not in {r.system for r in fastest(rows, target)}
        )
        if lacking:
            table.add_row(f"[dim]not reached by {', '.join(lacking)}")
    return table


def fastest(rows: Sequence[Row], target: float) -> list[Row]:
    """One row a system that reaches the target, the fastest system first."""
    best: dict[str, Row] = {}
    for row in rows:
        if row.recall10 >= target and (row.system not in best or row.qps64 > best[row.system].qps64):
            best[row.system] = row
    return sorted(best.values(), key=lambda row: -row.qps64)


def _table(title: str, rows: Sequence[Row], full: int) -> Table:
    fewer = sorted({row.system for row in rows if row.rows < full})
    caption = f"On fewer rows than the others, as the column says: {', '.join(fewer)}." if fewer else None
    table = Table(title=title, caption=caption)
    for place, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if place < 2 else "right")
    return table


def _cells(row: Row) -> list[str]:
    return [
        row.system,
        row.params,
        f"{row.rows:,}",
        f"{row.recall10:.4f}",
        f"{row.p50_ms:.2f}",
        f"{row.p99_ms:.2f}",
        f"{row.cold_p50_ms:.2f}",
        f"{row.cold_p99_ms:.2f}",
        f"{row.qps64:,.0f}",
        f"{row.anon_gb:.3f}",
        f"{row.disk_gb:.3f}",
        f"{row.build_s:,.0f}",
    ]
