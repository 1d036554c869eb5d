"""Requests in a loop by some threads, until stopped."""
import http.client
import threading
import urllib.request


class Load:
    def __init__(self, url, threads=4):
        self.url, self.stopping, self.done, self.failed = url, False, 0, 0
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stopping:
            try:
                urllib.request.urlopen(self.url, timeout=10).read()
                self.done += 1
            except (OSError, http.client.HTTPException):   # a worker that is killed ends its answers
                self.failed += 1

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()
