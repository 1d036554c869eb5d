"""Python that works in C: zlib, json, sqlite3, a digest, a sort with a key from Python. native.py SECONDS"""
import hashlib
import json
import sqlite3
import sys
import time
import zlib

DATA = b"hello world " * 20000
OBJECT = {"a": list(range(3000)), "b": "x" * 1000}
DATABASE = sqlite3.connect(":memory:")
DATABASE.execute("create table t(a)")
DATABASE.executemany("insert into t values(?)", [(i,) for i in range(2000)])


def press(): return zlib.compress(DATA, 6)


def dump(): return json.dumps(OBJECT)


def query(): return DATABASE.execute("select sum(a * a) from t where a % 7 = 3").fetchall()


def digest(): return hashlib.sha256(DATA).hexdigest()


def keyed(): return sorted(range(3000), key=lambda value: -value)


def pure():
    total = 0
    for number in range(20000):
        total += number
    return total


print("ready")
sys.stdout.flush()
end = time.time() + float(sys.argv[1])
while time.time() < end:
    for work in (press, dump, query, digest, keyed, pure): work()
