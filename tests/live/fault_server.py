"""A server that misbehaves on purpose: each request's path names how. It records every request that it read whole."""
import email.utils
import socket
import ssl
import struct
import threading
import time


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.time = time.monotonic()


class FaultServer:
    """`script[path]` is a list of behaviours, one for each attempt; the last one stays."""

    def __init__(self, context=None):
        self.script, self.requests, self.attempts = {}, [], {}
        self.context = context
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path, scheme=None):
        return "%s://127.0.0.1:%d%s" % (scheme or ("https" if self.context else "http"), self.port, path)

    def of(self, path):
        return [r for r in self.requests if r.path == path]

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            connection.settimeout(30)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            self.answer(connection)
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            connection.close()

    def answer(self, connection):
        stream = connection.makefile("rb")
        line = stream.readline().decode()
        if not line:
            return
        method, path, _ = line.split(" ", 2)
        headers = {}
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        with self.lock:
            attempt = self.attempts[path] = self.attempts.get(path, 0) + 1
        steps = self.script.get(path, [status(200)])
        behaviour = steps[min(attempt, len(steps)) - 1]
        if getattr(behaviour, "before_body", False):
            return behaviour(connection, stream, int(headers.get("content-length", 0)))
        body = stream.read(int(headers.get("content-length", 0)))
        if len(body) < int(headers.get("content-length", 0)):
            return
        with self.lock:
            self.requests.append(Request(method, path, headers, body))
        behaviour(connection)


def status(code, headers=(), body=b"", delay=0, claim=None):
    def behave(connection):
        time.sleep(delay)
        head = "HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n" % (code, len(body) if claim is None else claim)
        connection.sendall((head + "".join("%s: %s\r\n" % h for h in headers) + "\r\n").encode() + body)
    return behave


def raw(text):
    return lambda connection: connection.sendall(text)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(connection):
    pass


def stall(connection):
    time.sleep(20)


def drip(text, seconds):
    """The answer, byte by byte."""
    def behave(connection):
        for byte in text:
            connection.sendall(bytes([byte]))
            time.sleep(seconds / len(text))
    return behave


def endless(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def before_body(function):
    function.before_body = True
    return function


@before_body
def reset_unread(connection, stream, length):
    reset(connection)


@before_body
def reset_in_body(connection, stream, length):
    stream.read(min(length, 1000))
    reset(connection)


@before_body
def refuse_in_body(connection, stream, length):
    stream.read(min(length, 1000))
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    time.sleep(0.2)


@before_body
def stall_in_body(connection, stream, length):
    stream.read(min(length, 1000))
    time.sleep(20)


def in_seconds(seconds):
    """An HTTP-date so many seconds from now, made when it is sent."""
    def behave(connection):
        date = email.utils.formatdate(time.time() + seconds, usegmt=True)
        status(429, [("Retry-After", date)])(connection)
    return behave
