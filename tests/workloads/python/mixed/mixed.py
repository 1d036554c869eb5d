"""Python that works in C: numpy, zlib, json, sqlite3, Cython, C++. mixed.py SECONDS, with the built extensions on the path."""
import json
import sqlite3
import sys
import time
import zlib

import numpy
import sampan_cython
import sampan_plus

DATA, OBJECT = b"hello world " * 20000, {"a": list(range(3000))}
MATRIX, ROW = numpy.random.rand(200, 200), numpy.random.rand(40000)
DATABASE = sqlite3.connect(":memory:")
DATABASE.execute("create table t(a)")
DATABASE.executemany("insert into t values(?)", [(i,) for i in range(2000)])


def multiply(): MATRIX @ MATRIX


def order(): numpy.sort(ROW)


def press(): zlib.compress(DATA, 6)


def dump(): json.dumps(OBJECT)


def query(): DATABASE.execute("select sum(a * a) from t where a % 7 = 3").fetchall()


def cythonic(): sampan_cython.work(100000)


def plusplus(): sampan_plus.work(50000)


print("ready")
sys.stdout.flush()
end = time.time() + float(sys.argv[1])
while time.time() < end:
    for work in (multiply, order, press, dump, query, cythonic, plusplus): work()
