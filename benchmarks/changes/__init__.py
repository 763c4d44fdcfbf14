"""Records changed over HTTP: under load, and with the service killed."""
