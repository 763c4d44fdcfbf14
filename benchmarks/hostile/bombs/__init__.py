"""Small requests that cost much, and crowds: what each takes of a real server, in seconds of a core."""
