"""Tables, archives and dumps to the JSON lines that `--kb jsonl` reads."""
