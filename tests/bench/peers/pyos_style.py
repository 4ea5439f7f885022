"""What the kernel's benchmarks do, on a scheduler in the style of PyOS: generators as tasks, a trampoline for their
subroutines, system calls as objects that are yielded, one queue of ready tasks, select for descriptors.

usage: pyos_style.py BENCHMARK NUMBER...    prints "MEASURE VALUE" lines, in base units
"""
import os
import resource
import select
import socket
import sys
import time
from queue import Queue
from types import GeneratorType


class SystemCall:
    """Yielded by a task; run by the scheduler, which fills in who asks."""

    task = None
    scheduler = None

    def handle(self):
        raise NotImplementedError


class Task:
    newest_id = 0

    def __init__(self, body):
        Task.newest_id += 1
        self.id = Task.newest_id
        self.body = body
        self.callers = []
        self.reply = None

    def run(self):
        """Until it asks for something or gives up its turn; subroutines are called and return here."""
        while True:
            try:
                yielded = self.body.send(self.reply)
            except StopIteration:
                if not self.callers:
                    raise
                self.reply, self.body = None, self.callers.pop()
                continue
            if isinstance(yielded, SystemCall):
                return yielded
            if isinstance(yielded, GeneratorType):
                self.callers.append(self.body)
                self.reply, self.body = None, yielded
            elif self.callers:
                self.reply, self.body = yielded, self.callers.pop()
            else:
                return None


class Scheduler:
    def __init__(self):
        self.ready = Queue()
        self.tasks = {}
        self.joiners = {}
        self.readers = {}

    def new(self, body):
        task = Task(body)
        self.tasks[task.id] = task
        self.ready.put(task)
        return task.id

    def end(self, task):
        del self.tasks[task.id]
        for joiner in self.joiners.pop(task.id, ()):
            self.ready.put(joiner)

    def poller(self):
        while True:
            if self.readers:
                wait = 0 if not self.ready.empty() else None
                for fd in select.select(self.readers, (), (), wait)[0]:
                    self.ready.put(self.readers.pop(fd))
            yield

    def mainloop(self):
        self.new(self.poller())
        while len(self.tasks) > 1:
            task = self.ready.get()
            try:
                call = task.run()
            except StopIteration:
                self.end(task)
                continue
            if call is None:
                self.ready.put(task)
            else:
                call.task, call.scheduler = task, self
                call.handle()


class GetTid(SystemCall):
    def handle(self):
        self.task.reply = self.task.id
        self.scheduler.ready.put(self.task)


class NewTask(SystemCall):
    def __init__(self, body):
        self.body = body

    def handle(self):
        self.task.reply = self.scheduler.new(self.body)
        self.scheduler.ready.put(self.task)


class WaitTask(SystemCall):
    def __init__(self, target):
        self.target = target

    def handle(self):
        self.task.reply = self.target in self.scheduler.tasks
        if self.task.reply:
            self.scheduler.joiners.setdefault(self.target, []).append(self.task)
        else:
            self.scheduler.ready.put(self.task)


class ReadWait(SystemCall):
    def __init__(self, descriptor):
        self.descriptor = descriptor

    def handle(self):
        self.scheduler.readers[self.descriptor] = self.task


def report(measure, value):
    print(measure, f"{value:.9g}")


def expect_equal(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: {found} instead of {wanted}")


def run_timed(scheduler):
    """Turns the scheduler until all tasks have ended; processor seconds."""
    began = time.process_time()
    scheduler.mainloop()
    return time.process_time() - began


def bench_yield(tasks, turns):
    scheduler, times, done = Scheduler(), turns // tasks, [0]

    def yields():
        for _ in range(times):
            yield
        done[0] += times

    for _ in range(tasks):
        scheduler.new(yields())
    seconds = run_timed(scheduler)
    expect_equal(done[0], tasks * times, "yields")
    report("rate", done[0] / seconds)


def bench_command(times):
    scheduler, replies = Scheduler(), [0]

    def asks():
        for _ in range(times):
            replies[0] += (yield GetTid()) > 0

    scheduler.new(asks())
    seconds = run_timed(scheduler)
    expect_equal(replies[0], times, "replies")
    report("rate", times / seconds)


def bench_call(times):
    scheduler, total = Scheduler(), [0]

    def add(left, right):
        yield left + right

    def calls():
        for _ in range(times):
            total[0] = yield add(total[0], 1)

    scheduler.new(calls())
    seconds = run_timed(scheduler)
    expect_equal(total[0], times, "sum of the calls")
    report("rate", times / seconds)


def seconds_at_depth(depth, times):
    scheduler, done = Scheduler(), [0]

    def descend(left):
        if left > 1:
            yield descend(left - 1)
        else:
            for _ in range(times):  # a bare yield in a subroutine would mean "return"
                yield GetTid()
                done[0] += 1

    def descends():
        yield descend(depth)

    scheduler.new(descends())
    seconds = run_timed(scheduler)
    expect_equal(done[0], times, "turns")
    return seconds


def bench_deep(depth, times):
    shallow, deep = seconds_at_depth(1, times), seconds_at_depth(depth, times)
    report("rate", times / deep)
    report("ratio", shallow / deep)


def bench_spawn(batch, total):
    scheduler, completed = Scheduler(), [0]

    def leaf():
        completed[0] += 1
        return
        yield

    def spawns():
        for _ in range(0, total, batch):
            for _ in range(batch):
                last = yield NewTask(leaf())
            yield WaitTask(last)

    scheduler.new(spawns())
    seconds = run_timed(scheduler)
    expect_equal(completed[0], total, "completed tasks")
    report("rate", total / seconds)


def bench_parked(tasks):
    scheduler, bytes_each = Scheduler(), []

    def parks():
        yield WaitTask(1)

    def resident_bytes():
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def watches():
        before = resident_bytes()
        for _ in range(tasks):
            scheduler.new(parks())
        yield
        yield
        expect_equal(len(scheduler.joiners[1]), tasks, "parked tasks")
        bytes_each.append((resident_bytes() - before) / tasks)

    expect_equal(scheduler.new(watches()), 1, "id of the first task")
    scheduler.mainloop()
    report("bytes", bytes_each[0])


def bench_echo(rounds):
    scheduler, played = Scheduler(), [0]

    def plays(end, serves):
        if serves:
            end.send(b"x")
        for i in range(1, rounds + 1):
            yield ReadWait(end)
            played[0] += len(end.recv(64))
            if not (serves and i == rounds):
                end.send(b"x")

    left, right = socket.socketpair()
    scheduler.new(plays(left, True))
    scheduler.new(plays(right, False))
    seconds = run_timed(scheduler)
    expect_equal(played[0], 2 * rounds, "balls received")
    report("rate", rounds / seconds)


def main():
    benchmark = globals().get(f"bench_{sys.argv[1]}") if len(sys.argv) > 1 else None
    if benchmark is None:
        sys.exit(__doc__)
    benchmark(*map(int, sys.argv[2:]))
    sys.stdout.flush()
    os._exit(0)  # a million generators need not be taken apart


main()
