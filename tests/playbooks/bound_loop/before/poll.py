"""Waits until a job of a queue is done: poll.py QUEUE JOB."""

import json
import sys
import time


def state_of(path, job):
    with open(path) as file:
        return json.load(file).get(job)


def main():
    path, job = sys.argv[1:]
    state = state_of(path, job)
    while state != "done":
        time.sleep(0.05)
        state = state_of(path, job)
    print(f"{job} is done")


if __name__ == "__main__":
    main()
