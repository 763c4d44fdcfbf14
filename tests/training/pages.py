"""A page of HTML, to be looked into."""

import base64
import io
from html.parser import HTMLParser

from PIL import Image

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(HTMLParser):
    """A page taken apart; it refuses tags that do not close in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1] != "style":
            self.texts.append((tuple(self.open), data.strip()))

    def all(self, tag, **wanted):
        return [attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items()]

    def text(self, within=None):
        """With single spaces, also where one element ends and the next begins."""
        texts = (data for open_tags, data in self.texts if within is None or within in open_tags)
        return " ".join(" ".join(texts).split())

    def pictures(self):
        for attrs in self.all("img"):
            kind, data = attrs["src"].split(",", 1)
            assert kind == "data:image/jpeg;base64"
            with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
                picture.load()
                yield picture, attrs
