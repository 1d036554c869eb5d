#!/usr/bin/env python3
"""Writes folded stacks that look like a real service's: stacks.py --megabytes M [--unique N] [--shuffle] [--seed S].

A web application of several processes: Python over C over the kernel, and a Java part. Each function has a few
callees, called with Zipf-like shares, so that stacks share long prefixes and weights have a long tail.
"""
import argparse
import random
import sys

WORDS = ("load dump parse render query fetch send recv cache lock read write open close flush commit begin merge split encode "
         "decode apply build check clean clone copy count create delete dispatch emit encode execute filter find format get "
         "handle init insert iterate join list lookup map match notify pack poll pop process push put register release remove "
         "request resolve response retry route run save scan schedule select serialize set sort start stop store submit sync "
         "update validate visit wait walk").split()
MODULES = ("app/views app/models app/api/orders app/api/users app/services/pricing lib/orm/query lib/orm/session lib/orm/engine "
           "lib/http/client lib/http/pool lib/template/engine lib/template/nodes lib/json/decoder lib/json/encoder "
           "lib/cache/redis lib/auth/tokens lib/queue/worker lib/logging/handlers").split()
NATIVE = ("_PyEval_EvalFrameDefault PyObject_Call _PyObject_MakeTpCall dict_subscript PyUnicode_Join list_extend "
          "lookdict_unicode gc_collect_main PyEval_RestoreThread take_gil sre_ucs1_match memcpy __libc_malloc _int_free "
          "_int_malloc SSL_read SSL_write EVP_DecryptUpdate inflate_fast deflate_slow crc32_z epoll_wait __send __recv "
          "sqlite3VdbeExec sqlite3BtreeNext").split(" ")
KERNEL = ("entry_SYSCALL_64_after_hwframe do_syscall_64 __x64_sys_sendto tcp_sendmsg tcp_write_xmit ip_queue_xmit "
          "__dev_queue_xmit vfs_read ext4_file_read_iter copy_page_to_iter page_cache_ra_unbounded do_epoll_wait "
          "schedule __schedule finish_task_switch tcp_recvmsg skb_copy_datagram_iter handle_mm_fault do_anonymous_page "
          "clear_page_erms").split()
JAVA = ("com/acme/index/Searcher com/acme/index/Segment com/acme/net/Channel java/util/HashMap java/util/concurrent/FutureTask "
        "java/lang/Thread io/grpc/internal/Call").split()


def python_frame(rng):
    module = rng.choice(MODULES)
    name = "_".join(rng.sample(WORDS, rng.choice((1, 2, 2, 3))))
    return f"{name} ({module}.py:{rng.randrange(10, 900)})"


def java_frame(rng):
    return f"{rng.choice(JAVA)}.{rng.choice(WORDS)}{rng.choice(WORDS).title()}"


class Program:
    """A call graph: layer by layer, so that stacks end."""

    def __init__(self, rng, functions, deepest):
        per = max(functions // deepest, 4)
        self.layers = []
        for depth in range(deepest):
            if depth > deepest * 0.85: pool = [name + "_[k]" for name in KERNEL]
            elif depth > deepest * 0.7: pool = NATIVE
            else: pool = [python_frame(rng) if rng.random() < 0.85 else java_frame(rng) for _ in range(per)]
            self.layers.append(pool)
        self.rng, self.callees = rng, {}

    def stack(self, start):
        rng, frames, name, depth = self.rng, [start], start, 0
        while depth < len(self.layers):
            key = (name, depth)
            options = self.callees.get(key)
            if options is None:
                options = self.callees[key] = rng.choices(self.layers[depth], k=rng.choice((1, 2, 3, 5, 9)))
            name = options[int(len(options) * rng.random() ** 3)]
            frames.append(name)
            if rng.random() < 0.035: break
            depth += 1 if rng.random() < 0.8 else 2
        return frames


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--megabytes", type=float, default=0.65)
    args.add_argument("--unique", type=int, default=0, help="stop at so many distinct stacks and repeat them")
    args.add_argument("--deepest", type=int, default=40)
    args.add_argument("--shuffle", action="store_true")
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    rng = random.Random(args.seed)
    program = Program(rng, 4000 if args.megabytes > 10 else 900, args.deepest)
    seen, size, limit = {}, 0, args.megabytes * 1e6
    while size < limit and not (args.unique and len(seen) >= args.unique):
        worker = rng.randrange(8)
        line = ";".join([f"uwsgi worker {worker} (pid {4100 + worker})"] + program.stack("main (app/wsgi.py:12)"))
        if line not in seen: size += len(line) + 3
        seen[line] = seen.get(line, 0) + 1
    lines = sorted(seen)
    if args.shuffle: rng.shuffle(lines)
    out, written = sys.stdout, 0
    while written < limit:  # a profile of many hosts, one after the other, where stacks repeat
        for line in lines:
            text = f"{line} {seen[line] * (1 + int(rng.expovariate(0.7)))}\n"
            out.write(text)
            written += len(text)
        if not args.unique: break


main()
