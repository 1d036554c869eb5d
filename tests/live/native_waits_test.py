"""Time off the processor: three known waits within 5 %; wall time is on and off together, all of the time of each thread."""
import sampan
from native_programs import build, start
from sampan import check

TRUE = {"wait_in_sleep": 50, "wait_for_pipe": 30, "wait_for_condition": 20}
SECONDS = 5


def seconds_in(stacks, part):
    return sum(count for frames, count in stacks if any(part in frame for frame in frames)) / 1e9


def main():
    program = build("waits")
    if not program:
        return
    with start(program) as load:
        result = sampan.profile(pid=load.pid, event="offcpu", tier="ebpf", seconds=SECONDS, group_by=["thread"])
        if result.code == 4:
            return sampan.skip("time off the processor", result.result.get("sentence", ""))
        stacks = result.stacks()
        main_thread = sum(seconds_in(stacks, name) for name in TRUE)
        for name, share in TRUE.items():
            got = 100 * seconds_in(stacks, name) / main_thread if main_thread else 0
            check(abs(got - share) <= 0.05 * share, "%s: %.1f %% of the waiting, true is %d %%" % (name, got, share))
        check(abs(main_thread - SECONDS) < 0.05 * SECONDS, "the main thread waited %.2f s of %d" % (main_thread, SECONDS))

        result = sampan.profile(pid=load.pid, event="wall", tier="ebpf", seconds=SECONDS, group_by=["thread"])
        total = sum(count for _, count in result.stacks()) / 1e9
        check(abs(total - 2 * SECONDS) < 0.05 * 2 * SECONDS, "wall: %.2f s of two threads in %d s" % (total, SECONDS))


main()
sampan.finish()
