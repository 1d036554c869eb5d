"""Functions of some 50 ns: leafN only below midN below topN, any other stack is impossible. tiny.py SECONDS"""
import sys
import time

SOURCE = """
def leaf{n}(): pass
def mid{n}(): leaf{n}(); leaf{n}()
def top{n}(): mid{n}(); mid{n}(); mid{n}()
"""
for number in range(6):
    exec(compile(SOURCE.format(n=number), "tiny%d.py" % number, "exec"))
TOPS = [globals()["top%d" % number] for number in range(6)]


class Worker(object):
    def turn(self, tops):
        for top in tops:
            top()
            top()


def main():
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    worker, end = Worker(), time.time() + float(sys.argv[1])
    while time.time() < end:
        for _ in range(2000):
            worker.turn(TOPS)


main()
