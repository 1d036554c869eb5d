# -*- coding: utf-8 -*-
"""Calls of every kind, on Python 2.7 and later: methods, closures, generators, comprehensions, callbacks from C, threads.

First the program traces itself and writes every stack that it can have to the file OUT, as the profile should show it:
frames `name (file:line)`, outermost first. Then it says ready and runs untraced until it is ended.
matrix.py OUT SECONDS"""
import functools
import json
import sys
import threading
import time

SPINS = {"n": 30}


def spin():
    for _ in range(SPINS["n"]): pass


def plain(): spin()


class Base(object):
    def template(self, depth):
        if depth:
            return self.template(depth - 1)
        return self.hook()


class Derived(Base):
    def hook(self):
        spin()
        return super(Derived, self).__init__()

    @classmethod
    def build(cls):
        me = cls()
        return me.template(2)

    @property
    def attribute(self):
        spin()
        return 1


def closure(word):
    def inner():
        spin()
        return word
    return inner()


def counted(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(
            *args)
    return wrapper


@counted
def decorated(a,
              b):
    total = (a +
             b)
    spin()
    return total


def generator(n):
    for i in range(n):
        spin()
        yield i


def chained(n):
    for value in generator(n):
        yield value + 1


def comprehension():
    return [spin() for _ in range(3)]


def callback(value):
    spin()
    return value


def from_c():
    sorted([2, 1],
           key=callback)
    list(map(lambda v: spin(),
             [1]))


def raising():
    try:
        spin()
        raise ValueError
    except ValueError:
        spin()
    finally:
        spin()


def long_way():
    a = 1


















































































































































    b = a
    spin()
    return b


if sys.version_info[0] >= 3:
    exec(compile(u"class Gr\u00f6\u00dfe:\n    def \u6e2c\u5b9a(self):\n        spin()\n\n\ndef \u0440\u0430\u0437\u043c\u0435\u0440():\n    Gr\u00f6\u00dfe().\u6e2c\u5b9a()\n",
                 u"m\u00f6dule.py", "exec"))
else:
    globals()[u"\u0440\u0430\u0437\u043c\u0435\u0440".encode("utf-8")] = plain


def once():
    plain()
    Derived.build()
    Derived().attribute
    closure("x")
    decorated(1, 2)
    for _ in chained(2): pass
    comprehension()
    from_c()
    raising()
    long_way()
    globals()[u"\u0440\u0430\u0437\u043c\u0435\u0440" if sys.version_info[0] >= 3 else u"\u0440\u0430\u0437\u043c\u0435\u0440".encode("utf-8")]()


def forever(end):
    while True:
        once()
        if time.time() >= end:
            break


# What the profile should call a code object: its qualified name; up to 3.10, where code objects bear none, a method's
# class and name where its first argument tells the class.
def names():
    found = {}
    for cls in [value for value in list(globals().values()) + [threading.Thread] if isinstance(value, type)]:
        for value in list(vars(cls).values()):
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if hasattr(function, "__code__"):
                found[function.__code__] = getattr(function, "__qualname__", cls.__name__ + "." + function.__code__.co_name)
    return found


def main():
    possible = set()
    known = names()

    def label(frame):
        code = frame.f_code
        name = getattr(code, "co_qualname", None) or known.get(code, code.co_name)
        path = code.co_filename
        for root in ("/site-packages/", "/dist-packages/", "/lib/python%d.%d/" % sys.version_info[:2]):
            path = path.rsplit(root, 1)[-1]
        return u"%s (%s:%s)" % (name if not isinstance(name, bytes) else name.decode("utf-8"), path, frame.f_lineno)

    def note(frame, event, argument):
        stack = []
        caller = frame
        while caller is not None:
            stack.append(label(caller))
            caller = caller.f_back
        possible.add(u";".join(reversed(stack)))
        return note

    # Both the main thread and another run `forever`: each is traced one round, then again untraced from the same lines.
    seconds = [0.0]
    threading.settrace(note)
    for traced in (True, False):
        end = time.time() + (0.05 if traced else float(sys.argv[2]))
        thread = threading.Thread(target=forever, args=(end,))
        thread.start()
        if traced:
            sys.settrace(note)
        else:
            threading.settrace(None)
            SPINS["n"] = 30000
            print("ready")
            sys.stdout.flush()
        forever(end)
        sys.settrace(None)
        thread.join()
        if traced:
            with open(sys.argv[1], "wb") as out:
                out.write(json.dumps(sorted(possible)).encode("utf-8"))
            threading.settrace(None)


main()
