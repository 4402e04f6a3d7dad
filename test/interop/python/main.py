# The Python client and worker, unchanged, against whatever FAKTORY_URL names: pushes jobs, runs them, fails one. Prints a line
# per check and ends with status 1 at the first that does not hold. The client's HELLO names no version and hashes once.
import logging
import sys
import time
from datetime import datetime

import faktory
from faktory import Worker

JOBS = 20


def check(what, holds, seen):
    print("ok    " if holds else "FAILED", f"{what}: {seen}", flush=True)
    if not holds:
        sys.exit(1)


def main():
    logging.disable(logging.CRITICAL)
    client = faktory.Client()
    client.connect()
    pushed = [client.queue("math_add", args=[{"a": i, "b": 2, "request_id": None}], queue="python") for i in range(JOBS)]
    check("queue", all(pushed), len(pushed))
    check("queue a job that fails", client.queue("fails", args=[1], queue="python", retry=0), True)
    client.disconnect()

    sums = []
    failures = []
    worker = Worker(queues=["python"], concurrency=1, use_threads=True)

    def add(operands):
        sums.append(operands["a"] + operands["b"])

    def fails(_):
        failures.append(1)
        raise ValueError("on purpose")

    worker.register("math_add", add)
    worker.register("fails", fails)
    worker.faktory.connect(worker_id=worker.worker_id)
    worker._last_heartbeat = datetime.now()
    deadline = time.monotonic() + 30
    while (len(sums) < JOBS or not failures) and time.monotonic() < deadline:
        worker.tick()
    check("the worker runs every job", sorted(sums) == [i + 2 for i in range(JOBS)], len(sums))
    check("one job failed", len(failures) == 1, len(failures))
    while worker._pending and time.monotonic() < deadline:
        worker.send_status_to_faktory()
    check("every job is reported", not worker._pending, JOBS + 1)
    worker.faktory.disconnect()


main()
