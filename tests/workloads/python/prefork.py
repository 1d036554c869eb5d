"""uWSGI's shape for a Python that uWSGI is not built for: forked workers with some threads each, that answer by the
`application` of a file. prefork.py PORT WORKERS THREADS FILE"""
import contextlib
import os
import runpy
import signal
import socket
import sys
import threading

port, workers, threads = (int(word) for word in sys.argv[1:4])
listener = socket.create_server(("127.0.0.1", port), backlog=64)
application = runpy.run_path(sys.argv[4])["application"]


def answer(connection):
    while True:
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(65536)
            if not piece:
                return
            request += piece
        head = []
        body = b"".join(application({}, lambda status, headers: head.extend([status, headers])))
        lines = "".join("%s: %s\r\n" % pair for pair in head[1] if pair[0] != "Content-Length")
        connection.sendall(("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n" % (head[0], lines, len(body))).encode() + body)


def serve():
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):   # the client may leave in the middle
            answer(connection)


if all(os.fork() for _ in range(workers)):
    print("ready", flush=True)
    signal.pause()
for _ in range(threads - 1):
    threading.Thread(target=serve, daemon=True).start()
serve()
