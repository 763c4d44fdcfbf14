"""The processes of a run share its work out."""

from training import processes


def test_shares_cover_everything_once(monkeypatch):
    for items in range(12):
        for count in range(1, 6):
            monkeypatch.setattr(processes, "count", lambda n=count: n)
            shares = []
            for number in range(count):
                monkeypatch.setattr(processes, "number", lambda n=number: n)
                shares += processes.share(items)
            assert shares == list(range(items))
