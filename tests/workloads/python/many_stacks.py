"""Hardly two of its stacks are alike: each call takes one of two ways on, forty deep. many_stacks.py SECONDS"""
import random
import sys
import time


def left(depth):
    return way(depth - 1) if depth else sum(range(200))


def right(depth):
    return way(depth - 1) if depth else sum(range(200))


def way(depth):
    return (left if random.random() < 0.5 else right)(depth)


def main():
    end = time.time() + float(sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while time.time() < end:
        way(40)


main()
