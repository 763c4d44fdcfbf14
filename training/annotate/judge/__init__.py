"""A sample of annotations for people to judge, and the success rate that their judgements make: PL-VEL's Table 1."""
