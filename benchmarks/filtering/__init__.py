"""What the filters of annotation remove and mend, on true masks that are damaged on purpose."""
