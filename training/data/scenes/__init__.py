"""The data set `scenes`: stamps composed into pictures whose masks are known."""
