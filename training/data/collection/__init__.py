"""One's own labels: pictures, regions in them, and the records that they show."""
