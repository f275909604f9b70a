"""What a browser makes of a page."""

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Collects the words, and every place from which a browser would load something."""

    def __init__(self, text):
        super().__init__()
        self.words, self.loads, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link", "br", "use", "path", "input", "img"):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data") and not value.startswith("#"):
                self.loads.append(value)
        if tag in ("script", "link", "iframe"):
            self.loads.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        self.words += data.split()
