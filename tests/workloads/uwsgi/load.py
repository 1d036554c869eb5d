"""Requests on loopback from a few connections for some seconds: load.py PORT SECONDS CONNECTIONS; prints how many were answered."""
import http.client
import sys
import threading
import time

port, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
end = time.monotonic() + seconds
answered = [0] * connections


def client(index):
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
            answered[index] += 1
        except OSError:
            pass
        finally:
            connection.close()


threads = [threading.Thread(target=client, args=(i,)) for i in range(connections)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(answered))
