"""Numbers in sentences."""


def counted(number: int, one: str, many: str) -> str:
    """A number and what there is of it: `1 row holds`, `1,000 rows hold`."""
    return f"{number:,} {one if number == 1 else many}"
