"""Every benchmark: a name, a unit, what it must reach, what we would like, and how it is measured.

The bars come with the machine that they were set on (2 cores of an AMD EPYC, virtual); the ratios to peers that run in
the same call hold elsewhere too.
"""
from harness import Peer, Row, program, python


def difference(whole, part):
    return lambda round_: whole(round_) - part(round_)


def kernel(*arguments, measure="rate"):
    return program("kernel_bench", *arguments, measure=measure)


def reactor(*arguments, measure="rate"):
    return program("reactor_bench", *arguments, measure=measure)


def journal(*arguments, measure="rate"):
    return program("journal_bench", *arguments, measure=measure)


def llm(*arguments, measure="rate"):
    return program("llm_bench", *arguments, measure=measure)


def agent(*arguments, measure):
    return program("agent_bench", *arguments, measure=measure)


def session(*arguments, measure):
    return program("session_bench", *arguments, measure=measure)


def workspace(*arguments, measure):
    return program("workspace_bench", *arguments, measure=measure)


def draft(*arguments, measure):
    return program("draft_bench", *arguments, measure=measure)


def pyos(*arguments, measure="rate", must=None):
    return Peer("PyOS style", python("peers/pyos_style.py", *arguments, measure=measure), must)


def asio(*arguments, measure="rate", must=None):
    return Peer("Asio", program("asio_bench", *arguments, measure=measure), must)


# All parked tasks are asked to end, a thousand at a time: in the order of their age, as a group is, or scattered.
IN_ORDER = (100_000, 1_000, 1)
SCATTERED = (100_000, 1_000, 7_919)
# A million tasks, five seconds.
IDLE = ("idle", 1_000_000, 5)
TURN = ("turn", 1_000, 10_000_000)
TTFT = ("ttft", 500)
COMPARE = ("compare", 26_000)
TRACKED_SMALL = ("tracked", 200)
TRACKED = ("tracked", 26_000)
DRAFT = ("draft", 26_000, 20)
CHANGE_ALL = ("change_all", 26_000)
ACCEPT_ALL = ("accept_all", 26_000)
# Ten steps each: one session, fifty, a thousand.
TASK10 = ("task", 10)
SESSIONS_50 = ("sessions", 50, 10)
SESSIONS_1000 = ("sessions", 1_000, 10)
# A thousand answers at once, 50 events a second each, four seconds.
CONCURRENT = ("concurrent", 1_000, 50, 4)


def turn_without(duty):
    """What a turn costs less, with 1 000 tasks, when a duty is left out of the build."""
    without = program(f"kernel_bench_{duty}", *TURN, measure="turn")
    return difference(kernel(*TURN, measure="turn"), without)


ROWS = [
    Row("kernel.yield.1000", "1/s", must=30e6, stretch=40e6, measure=kernel("yield", 1_000, 10_000_000),
        peers=[pyos("yield", 1_000, 100_000, must=120), asio("yield", 1_000, 1_500_000, must=8)]),
    Row("kernel.yield.100000", "1/s", must=28e6, stretch=40e6, measure=kernel("yield", 100_000, 10_000_000),
        peers=[pyos("yield", 100_000, 300_000, must=190), asio("yield", 100_000, 1_500_000)]),
    Row("kernel.command", "1/s", must=33e6, stretch=45e6, measure=kernel("command", 10_000_000),
        peers=[pyos("command", 60_000, must=240), asio("command", 1_500_000, must=10)]),
    Row("kernel.spawn", "1/s", must=20e6, stretch=28e6, measure=kernel("spawn", 1_000, 5_000_000),
        peers=[pyos("spawn", 1_000, 40_000, must=250), asio("spawn", 1_000, 1_000_000, must=10)]),
    Row("kernel.spawn.held", "1/s", measure=kernel("spawn_held", 1_000, 2_000_000)),
    Row("kernel.call", "1/s", must=60e6, stretch=80e6, measure=kernel("call", 20_000_000),
        peers=[pyos("call", 300_000), asio("call", 15_000_000, must=1.5)]),
    Row("kernel.deep", "ratio", must=0.9, stretch=1.0, measure=kernel("deep", 100, 10_000_000, measure="ratio"),
        peers=[pyos("deep", 100, 40_000, measure="ratio")]),
    Row("kernel.deep.rate", "1/s", with_previous=True, measure=kernel("deep", 100, 10_000_000),
        peers=[pyos("deep", 100, 40_000)]),
    Row("kernel.kill", "1/s", must=3e6, stretch=5e6, measure=kernel("kill", *SCATTERED),
        peers=[asio("kill", *SCATTERED, must=30)]),
    Row("kernel.kill.in_order", "1/s", measure=kernel("kill", *IN_ORDER), peers=[asio("kill", *IN_ORDER)]),
    Row("kernel.parked_bytes", "B", must=192, stretch=144, less_is_better=True,
        measure=kernel("parked", 1_000_000, measure="bytes"),
        peers=[pyos("parked", 100_000, measure="bytes"), asio("parked", 200_000, measure="bytes")]),
    Row("kernel.timers.cpu", "s", must=0.30, stretch=0.20, less_is_better=True,
        measure=reactor("timers", 100_000, measure="cpu"), peers=[asio("timers", 100_000, measure="cpu")]),
    Row("kernel.timers.p99", "s", must=0.5e-3, stretch=0.3e-3, less_is_better=True, with_previous=True,
        measure=reactor("timers", 100_000, measure="p99"), peers=[asio("timers", 100_000, measure="p99")]),
    Row("kernel.echo", "1/s", stretch=110e3, measure=reactor("echo", 60_000),
        peers=[asio("echo", 60_000, must=1), pyos("echo", 10_000),
               Peer("system calls alone", reactor("echo_ceiling", 60_000))]),
    Row("kernel.echo.readiness", "1/s", measure=reactor("echo_readiness", 60_000)),
    Row("kernel.inbox.1", "1/s", measure=reactor("inbox", 1, 1_000_000),
        peers=[asio("post", 1, 1_000_000, must=1)]),
    Row("kernel.inbox.4", "1/s", measure=reactor("inbox", 4, 250_000), peers=[asio("post", 4, 250_000, must=1)]),
    Row("kernel.idle.wakeups", "ratio", must=0, less_is_better=True, measure=reactor(*IDLE, measure="wakeups")),
    Row("kernel.idle.cpu", "s", must=1e-3, less_is_better=True, with_previous=True,
        measure=reactor(*IDLE, measure="cpu")),
    Row("kernel.hooks", "s", must=20e-9, stretch=12e-9, less_is_better=True, measure=turn_without("bare"),
        peers=[Peer("bare turn", program("kernel_bench_bare", *TURN, measure="turn"))]),
    Row("kernel.hooks.checks", "s", less_is_better=True, measure=turn_without("without_checks")),
    Row("kernel.hooks.ticks", "s", less_is_better=True, measure=turn_without("without_ticks")),
    Row("kernel.hooks.trace", "s", less_is_better=True, measure=turn_without("without_trace")),
    Row("kernel.hooks.watch", "s", less_is_better=True, measure=turn_without("without_watch")),

    # Durable steps, by the clock on the wall: a disk is waited for. 256 bytes of payload each.
    Row("journal.steps.1", "1/s", measure=journal("steps", 1, 2_000),
        peers=[Peer("fdatasync", journal("fdatasync", 2_000), must=0.6)]),
    Row("journal.steps.64", "1/s", must=40e3, stretch=70e3, measure=journal("steps", 64, 500)),
    Row("journal.steps.1024", "1/s", must=100e3, stretch=140e3, measure=journal("steps", 1_024, 50)),
    Row("journal.pure.1", "1/s", must=200e3, stretch=500e3, measure=journal("pure", 100_000)),
    Row("journal.pure.1.cpu", "s", less_is_better=True, with_previous=True,
        measure=journal("pure", 100_000, measure="cpu")),
    # Restarts: another process takes up what the first has left.
    Row("journal.restart.1000", "s", must=0.150, stretch=0.050, less_is_better=True,
        measure=journal("restart", 1_000, 10, measure="first")),
    Row("journal.restart.10000", "s", must=3, stretch=1.5, less_is_better=True,
        measure=journal("restart", 10_000, 100, measure="frontier")),
    Row("journal.replay", "1/s", must=500e3, stretch=1e6, with_previous=True,
        measure=journal("restart", 10_000, 100, measure="rate")),
    Row("journal.parked.restart", "s", must=1, stretch=0.3, less_is_better=True,
        measure=journal("parked", measure="restart")),
    Row("journal.parked.bytes", "B", must=200, stretch=100, less_is_better=True, with_previous=True,
        measure=journal("parked", measure="bytes")),
    Row("journal.bytes", "B", must=250, stretch=160, less_is_better=True, with_previous=True,
        measure=journal("pure", 100_000, measure="bytes")),

    # A model's answer on its way from the socket to a follower's event.
    Row("llm.ttft", "s", must=0.5e-3, stretch=0.2e-3, less_is_better=True,
        measure=difference(llm(*TTFT, measure="p50"), llm(*TTFT, measure="curl")),
        peers=[Peer("curl", llm(*TTFT, measure="curl"))]),
    Row("llm.stream", "1/s", must=100e3, stretch=250e3, measure=llm("stream", 200_000),
        peers=[Peer("a JSON tree", llm("dom", 200_000))]),
    Row("llm.concurrent.cpu", "ratio", must=0.5, stretch=0.25, less_is_better=True,
        measure=llm(*CONCURRENT, measure="cpu")),
    Row("llm.concurrent.bytes", "B", must=64 << 10, stretch=32 << 10, less_is_better=True, with_previous=True,
        measure=llm(*CONCURRENT, measure="bytes")),
    Row("llm.concurrent.behind", "ratio", less_is_better=True, with_previous=True,
        measure=llm(*CONCURRENT, measure="behind")),

    # Agents in a running daemon, their programs in the sandbox. Peers were measured once, with a server as slow: 32 ms
    # (Qwen) and 85 ms (Codex) to the first request, 96 ms of processor time for a step, 1.13 s for ten steps, 28 times
    # as long as it could be with fifty at once, 1.4 to 2.3 MB for a session (Codex), 29 s to recover (OpenClaw).
    Row("agent.submit.p50", "s", must=3e-3, stretch=1.5e-3, less_is_better=True,
        measure=session("submit", 200, measure="p50")),
    Row("agent.submit.p95", "s", must=6e-3, stretch=3e-3, less_is_better=True, with_previous=True,
        measure=session("submit", 200, measure="p95")),
    Row("agent.task10", "s", must=0.1, stretch=0.04, less_is_better=True, measure=session(*TASK10, measure="beyond")),
    Row("agent.task10.programs", "s", less_is_better=True, with_previous=True,
        measure=session(*TASK10, measure="programs")),
    Row("agent.50x10", "ratio", must=1.5, stretch=1.2, less_is_better=True,
        measure=session(*SESSIONS_50, measure="makespan")),
    Row("agent.50x10.apart", "ratio", less_is_better=True, with_previous=True,
        measure=session(*SESSIONS_50, measure="apart")),
    Row("agent.step.cpu", "s", must=1e-3, stretch=0.4e-3, less_is_better=True, with_previous=True,
        measure=session(*SESSIONS_50, measure="cpu")),
    Row("agent.step.programs", "s", less_is_better=True, with_previous=True,
        measure=session(*SESSIONS_50, measure="programs")),
    Row("agent.1000x10", "ratio", must=3, stretch=2, less_is_better=True,
        measure=session(*SESSIONS_1000, measure="apart")),
    Row("agent.1000x10.makespan", "ratio", less_is_better=True, with_previous=True,
        measure=session(*SESSIONS_1000, measure="makespan")),
    Row("agent.session", "B", must=64 << 10, stretch=24 << 10, less_is_better=True,
        measure=session("memory", 1_000, measure="live")),
    Row("agent.session.after", "B", must=4e6, stretch=2e6, less_is_better=True, with_previous=True,
        measure=session("memory", 1_000, measure="after")),
    Row("agent.recover", "s", must=0.5, stretch=0.15, less_is_better=True,
        measure=session("recover", 5, measure="first")),
    Row("agent.recover.all", "s", less_is_better=True, with_previous=True,
        measure=session("recover", 5, measure="all")),
    # What the system prompt and the tools add to each request. Peers were measured once: 42 kB (Codex), 91 kB (Qwen).
    Row("agent.prompt", "B", must=12e3, stretch=6e3, less_is_better=True, measure=agent("prompt", measure="prompt")),

    # By the clock on the wall, as long as a step waits for it.
    Row("workspace.compare", "s", must=0.150, stretch=0.060, less_is_better=True,
        measure=workspace(*COMPARE, measure="compare"),
        peers=[Peer("find -newer", workspace(*COMPARE, measure="find")),
               Peer("git status", workspace(*COMPARE, measure="git"))]),
    Row("workspace.compare.cpu", "s", less_is_better=True, with_previous=True,
        measure=workspace(*COMPARE, measure="cpu")),
    # What tracking adds to a step that runs a program.
    Row("process.tracked.200", "s", less_is_better=True,
        measure=difference(workspace(*TRACKED_SMALL, measure="tracked"),
                           workspace(*TRACKED_SMALL, measure="untracked")),
        peers=[Peer("step without", workspace(*TRACKED_SMALL, measure="untracked"))]),
    Row("process.tracked.26000", "s", less_is_better=True,
        measure=difference(workspace(*TRACKED, measure="tracked"), workspace(*TRACKED, measure="untracked")),
        peers=[Peer("step without", workspace(*TRACKED, measure="untracked"))]),
    Row("process.tracked.26000.first", "s", less_is_better=True, with_previous=True,
        measure=workspace(*TRACKED, measure="first")),

    # A task in a draft, with a real daemon.
    Row("draft.open", "s", less_is_better=True, measure=draft(*DRAFT, measure="open")),
    Row("draft.bytes", "B", less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="bytes")),
    Row("draft.diff", "s", less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="diff")),
    Row("draft.accept", "s", less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="accept")),
    Row("draft.fork", "s", less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="fork")),
    Row("draft.fork_bytes", "B", less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="fork_bytes")),
    Row("draft.undo", "s", less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="undo")),
    Row("draft.turn", "s", must=5e-3, less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="turn")),
    Row("draft.stall", "s", less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="stall")),
    Row("draft.loop", "s", must=5e-3, less_is_better=True, with_previous=True, measure=draft(*DRAFT, measure="loop")),

    # A program changes every file, and that is looked at and taken back.
    Row("changes.undo", "s", less_is_better=True, measure=draft(*CHANGE_ALL, measure="undo")),
    Row("changes.turn", "s", must=5e-3, less_is_better=True, with_previous=True, measure=draft(*CHANGE_ALL, measure="turn")),
    Row("changes.undo_turn", "s", must=5e-3, less_is_better=True, with_previous=True, measure=draft(*CHANGE_ALL, measure="undo_turn")),
    Row("changes.program_stall", "s", less_is_better=True, with_previous=True, measure=draft(*CHANGE_ALL, measure="program_stall")),
    Row("changes.diff_stall", "s", less_is_better=True, with_previous=True, measure=draft(*CHANGE_ALL, measure="diff_stall")),
    Row("changes.core_stall", "s", less_is_better=True, with_previous=True, measure=draft(*CHANGE_ALL, measure="core_stall")),
    Row("changes.undo_stall", "s", less_is_better=True, with_previous=True, measure=draft(*CHANGE_ALL, measure="undo_stall")),
    *[Row(f"changes.{act}_loop", "s", must=5e-3, less_is_better=True, with_previous=True,
          measure=draft(*CHANGE_ALL, measure=f"{act}_loop")) for act in ("program", "diff", "core", "undo")],

    # The same in a draft.
    Row("accept.time", "s", less_is_better=True, measure=draft(*ACCEPT_ALL, measure="accept")),
    *[Row(f"accept.{act}_loop", "s", must=5e-3, less_is_better=True, with_previous=True,
          measure=draft(*ACCEPT_ALL, measure=f"{act}_loop")) for act in ("offer", "accept", "undo")],
]
