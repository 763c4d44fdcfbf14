"""The filters of PL-VEL's "Data Filtering": each a function of what the segmenters found, in a file of its own."""
