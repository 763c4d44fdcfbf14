"""Changes over HTTP: kept before they are answered for, joined, and applied beside the serving by `indexer.update`."""
