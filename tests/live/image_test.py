"""What the image costs: bytes, packed and not, and the time from `docker run` to the first sample."""
import datetime
import gzip
import json
import pathlib
import statistics
import tempfile
import time

import containers
import sampan
from engine import engine_or_none, own_image
from sampan import check

RUNS = 20 if sampan.LONG else 5


def size(engine, image):
    data = pathlib.Path(sampan.BINARY).read_bytes()
    loaded = int(engine.must("image", "inspect", "-f", "{{.Size}}", image))
    check(loaded == len(data), "the image holds the binary and nothing else: %.2f MB" % (loaded / 1e6))
    packed = len(gzip.compress(data, 9))
    check(packed < 8_000_000, "to pull: %.2f MB" % (packed / 1e6))


def stage_time(log, stage):
    for line in log.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("stage") == stage:
            return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
    return None


def first_sample(engine, image):
    """Seconds from the command, and from the container's own start, to the moment from which on samples are taken."""
    params = {"cmdline_regex": "^/usr/bin/ruby2", "seconds": 1, "formats": ["folded"]}
    directory = tempfile.mkdtemp(prefix="sampan-test-")
    before = time.time()
    agent = engine.must("run", "-d", "--network=none", "--pid=host", "--cap-drop=ALL", "--cap-add=SYS_PTRACE", "--read-only",
                        "--security-opt=apparmor=unconfined", "-v", directory + ":/var/run", "-e",
                        "params=" + json.dumps(params), image)
    code = engine.must("wait", agent)
    began = engine.must("inspect", "-f", "{{.State.StartedAt}}", agent)[:26].rstrip("Z")
    started = datetime.datetime.fromisoformat(began).replace(tzinfo=datetime.timezone.utc).timestamp()
    sampled = stage_time(engine.docker("logs", agent).stdout, "sample")
    engine.docker("rm", agent)
    return (code, sampled - before, sampled - started) if sampled else (code, None, None)


def main():
    engine = engine_or_none()
    if not engine:
        return
    image = own_image(engine)
    size(engine, image)
    if containers.start(engine, "ruby") is None:
        return
    runs = [first_sample(engine, image) for _ in range(RUNS)]
    if check(all(code == "0" and whole is not None for code, whole, _ in runs), "%d runs sample: %s" % (RUNS, runs[0])):
        whole, own = (sorted(times) for times in list(zip(*runs))[1:])
        check(statistics.median(own) < 1, "to the first sample, median of %d: %.0f ms after the container's start, %.0f ms after "
              "`docker run` (%.0f to %.0f)" % (RUNS, 1e3 * statistics.median(own), 1e3 * statistics.median(whole),
                                               1e3 * whole[0], 1e3 * whole[-1]))


main()
sampan.finish()
