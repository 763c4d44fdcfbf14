"""What everything stands on: errors, the command line's frame, paths, files, the machine. Imports nothing of ours."""
