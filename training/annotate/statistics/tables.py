"""The paper's tables, of whatever was counted."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from training.annotate.statistics.count import BINS, Statistics

BAR = 50  # characters of the longest bar


def tables(statistics: Statistics, sampled: Mapping[str, int]) -> Iterator[Table]:
    """Yields Tables 2, 6 and 7 and the histogram of areas.

    Args:
        sampled: how many annotations of each task a sample to judge takes.
    """
    yield table_2(statistics)
    yield table_6(statistics, sampled)
    yield table_7(statistics)
    yield histogram(statistics)


def table_2(statistics: Statistics) -> Table:
    """Entities and examples of each part."""
    table = Table("", title="Table 2: annotations by part")
    for part, task in statistics.columns:
        table.add_column(part if part == task else f"{part} {task}", justify="right")
    for seen, word in ((True, "SEEN"), (False, "UNSEEN")):
        entities = (len(statistics.entities.get((column, seen), ())) for column in statistics.columns)
        examples = (statistics.examples[column, seen] for column in statistics.columns)
        table.add_row(f"# {word} entities", *(f"{count:,}" for count in entities))
        table.add_row(f"# {word} examples", *(f"{count:,}" for count in examples))
    totals = (statistics.examples[column, True] + statistics.examples[column, False] for column in statistics.columns)
    table.add_row("# Total examples", *(f"{count:,}" for count in totals), style="bold")
    return table


def table_6(statistics: Statistics, sampled: Mapping[str, int]) -> Table:
    """The sample that a person would judge."""
    table = Table("Split", title="Table 6: a sample to judge, at most one an entity")
    for task in sampled:
        table.add_column(task, justify="right")
    table.add_row("Case Num", *(f"{count:,}" for count in sampled.values()))
    table.add_row("of entities", *(f"{statistics.entities_of(task):,}" for task in sampled))
    return table


def table_7(statistics: Statistics) -> Table:
    """Annotations by the data set that the pictures come from."""
    tasks = sorted({task for _, task in statistics.sources})
    table = Table("Source", title="Table 7: annotations by the pictures' source")
    for task in tasks:
        table.add_column(task, justify="right")
    for source in dict.fromkeys(source for source, _ in sorted(statistics.sources)):
        table.add_row(source, *(f"{statistics.sources[source, task]:,}" for task in tasks))
    return table


def histogram(statistics: Statistics) -> Table:
    """Mentions by their share of the picture."""
    table = Table("area", title="Figure 5(c): mentions by their share of the picture")
    table.add_column("mentions", justify="right")
    table.add_column("")
    most = max(1, int(statistics.areas.max()))
    for number, count in enumerate(statistics.areas.tolist()):
        bounds = f"{number / BINS:.0%} to {(number + 1) / BINS:.0%}"
        table.add_row(bounds, f"{count:,}", "\u2588" * round(BAR * count / most))
    return table
