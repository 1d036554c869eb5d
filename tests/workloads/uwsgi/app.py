"""A small shop, as a uWSGI application: three kinds of work with names that a flame graph should show."""
import json
import threading
import zlib

PRODUCTS = [{"id": i, "name": "product %d" % i, "price": (i * 7919) % 1000, "tags": ["t%d" % (i % 7), "u%d" % (i % 3)]}
            for i in range(400)]


class Catalogue:
    def score(self, product, words):
        return sum(3 for word in words if word in product["tags"]) + product["price"] % 13

    def search(self, words):
        ranked = [(self.score(product, words), product["id"]) for product in PRODUCTS]
        ranked.sort(reverse=True)
        return [PRODUCTS[number] for _, number in ranked[:20]]


def render_page(products):
    rows = []
    for product in products:
        cells = "".join("<td>%s</td>" % product[key] for key in ("id", "name", "price"))
        rows.append("<tr>%s</tr>" % cells)
    return "<table>%s</table>" % "".join(rows)


def compress(page):
    return zlib.compress(page.encode() * 4, 6)


def housekeeping():
    """A thread that mostly waits, as real applications have."""
    event = threading.Event()
    while not event.wait(5):
        json.dumps(PRODUCTS[:10])


threading.Thread(target=housekeeping, daemon=True).start()


def export_orders():
    """A report that somebody asks for now and then: the better part of a second for one worker."""
    lines = []
    for number in range(300000):
        lines.append("%d;%s;%s" % (number, PRODUCTS[number % 400]["name"], json.dumps(PRODUCTS[number % 400]["tags"])))
    return "\n".join(lines)


def application(environ, start_response):
    if environ.get("PATH_INFO") == "/export":
        body = compress(export_orders())
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    found = []
    for round_number in range(10):
        found = Catalogue().search(["t%d" % (round_number % 7), "u1"])
    body = compress(render_page(found * 5))
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
    return [body]
