"""One service of several processes: fronts that take connections, read and cut, and engines that encode and search."""
