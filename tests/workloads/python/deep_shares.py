"""Half of the time below a recursion of DEPTH calls, half below none: what a sampler that is slow with deep stacks tells."""
import sys

DEPTH = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 40000
sys.setrecursionlimit(DEPTH + 1000)


def work(rounds):
    x = 0
    for i in range(rounds):
        x += i * i
    return x


def deep(depth, rounds):
    if depth == 0:
        return work(rounds)
    return deep(depth - 1, rounds)


def shallow(rounds):
    return work(rounds)


print("ready", flush=True)
while True:
    deep(DEPTH, ROUNDS)
    shallow(ROUNDS)
