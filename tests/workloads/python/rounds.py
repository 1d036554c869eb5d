"""60, 30 and 10 % of the work, by counted rounds: true however slow or often interrupted the machine is."""
import sys


def rounds(count):
    x = 1
    for _ in range(count):
        x = (x * 1103515245 + 12345) & 0x7fffffff
    return x


def sixty(): return rounds(6000)


def thirty(): return rounds(3000)


def ten(): return rounds(1000)


def main():
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        sixty()
        thirty()
        ten()


main()
