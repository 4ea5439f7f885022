"""Waits until a job of a queue is over: poll.py QUEUE JOB [--timeout SECONDS].

Ends with 0 if it is done, 1 if it failed, 3 if there is no such job, 4 if the time is up.
"""

import argparse
import json
import sys
import time


def state_of(path, job):
    with open(path) as file:
        return json.load(file).get(job)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("queue")
    parser.add_argument("job")
    parser.add_argument("--timeout", type=float, default=60.0)
    wanted = parser.parse_args()
    end = time.monotonic() + wanted.timeout
    while True:
        state = state_of(wanted.queue, wanted.job)
        if state is None:
            print(f"there is no {wanted.job}", file=sys.stderr)
            return 3
        if state != "running":
            print(f"{wanted.job} is {state}")
            return 0 if state == "done" else 1
        if time.monotonic() >= end:
            print(f"{wanted.job} is still running", file=sys.stderr)
            return 4
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
