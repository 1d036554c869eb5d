"""asyncio: tasks that await three deep, an asynchronous generator, an asynchronous context manager. coroutines.py SECONDS"""
import asyncio
import sys
import time


def work():
    for _ in range(20000): pass


async def leaf():
    work()
    await asyncio.sleep(0)
    work()


async def middle():
    await leaf()


async def outer():
    await middle()


async def numbers():
    for number in range(3):
        work()
        yield number


class Manager:
    async def __aenter__(self):
        work()

    async def __aexit__(self, *_):
        await leaf()


async def consumer():
    async for _ in numbers():
        async with Manager():
            work()


async def main(end):
    print("ready")
    sys.stdout.flush()
    while time.time() < end:
        await asyncio.gather(outer(), consumer())


asyncio.new_event_loop().run_until_complete(main(time.time() + float(sys.argv[1])))
