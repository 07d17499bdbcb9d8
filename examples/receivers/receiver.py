"""Receives webhooks behind nginx.conf: BASE_PATH=/kong3 PORT=8080 python3 receiver.py"""

import json
import os
import re
import sched
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

MAX_BODY, MAX_SEEN, DELAYS = 4096, 100_000, (2, 10, 60)  # bytes, notifications, seconds between fetches that fail
PATH = re.compile(re.escape(os.environ.get("BASE_PATH", "")) + r"/open-banking/webhook/v1/"
                  r"((payments/v\d+/(consents|pix/payments)|enrollments/v\d+/enrollments"
                  r"|automatic-payments/v\d+/(recurring-consents|pix/recurring-payments))/[^/?#]+)", re.ASCII)
seen, lock, timetable, pool = {}, Lock(), sched.scheduler(), ThreadPoolExecutor(32)  # in production a table, written before the 202

def fetch(organisation, resource):  # yours: GET https://<host of that bank>/open-banking/<resource>, and store it
    print(f"fetch {organisation} {resource}", flush=True)

def work(key, delays):
    try:
        fetch(*key[:2])
    except Exception as error:
        if delays:  # no attempt follows a 202, so nobody else tries again
            timetable.enter(delays[0], 0, pool.submit, (work, key, delays[1:]))
        else:
            print(f"gave up {key}: {error}", flush=True)  # for an operator to fetch

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        path, length = PATH.fullmatch(self.path), self.headers.get("content-length", "")
        if not path:
            return self.answer(404)
        if not re.fullmatch("[0-9]{1,9}", length) or int(length) > MAX_BODY:
            return self.answer(413)
        try:
            timestamp = json.loads(self.rfile.read(int(length)))["data"]["timestamp"]
            time.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ")
            id = re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9-]{0,99}", self.headers.get("x-webhook-interaction-id", ""))[0]
        except (KeyError, RecursionError, TypeError, ValueError):
            return self.answer(400)
        key = (self.headers.get("x-organisation", ""), path[1], timestamp)
        with lock:
            is_known, seen[key] = key in seen, True
            len(seen) > MAX_SEEN and seen.pop(next(iter(seen)))
        self.answer(202, {"x-webhook-interaction-id": id})
        print("known" if is_known else "accepted", id, *key, flush=True)
        if not is_known:
            timetable.enter(1, 0, pool.submit, (work, key, DELAYS))  # two changes within one second look the same

    def answer(self, status, headers={}):
        self.send_response(status)
        for name, value in {"content-length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

Thread(target=ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever).start()
while not time.sleep(0.1):
    timetable.run(blocking=False)
