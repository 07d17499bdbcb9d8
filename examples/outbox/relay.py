"""Sends the rows of the outbox to the intake queue, each at least once.

A row is deleted only after SQS took it, in the transaction that holds its lock, so several relays may run. A relay that
dies in between sends a row again: a copy of a state change is the same notification.

    pip install boto3 psycopg[binary]
    INTAKE_QUEUE_URL=... DATABASE_URL=postgresql://... python relay.py
"""

import hashlib
import json
import os
import re
import sys
import time

import boto3
import psycopg

BATCH = 10  # the most that SendMessageBatch takes
TAKE = "SELECT id, change FROM webhook_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"
REJECT = "INSERT INTO webhook_outbox_rejected (id, change, code) VALUES (%s, %s::jsonb, %s)"
DELETE = "DELETE FROM webhook_outbox WHERE id = ANY(%s)"
MAX_BACKOFF = 60  # seconds


def group(client_id):
    """The client id, or its SHA-256 where SQS would refuse it as a message group id."""
    client_id = str(client_id)
    if re.fullmatch(r"[!-~]{1,128}", client_id):
        return client_id
    return hashlib.sha256(client_id.encode()).hexdigest()


def entry(row_id, change):
    """A message. Its group is the client, so that a flood for one receiver delays no other (SQS fair queues)."""
    client_id = change.get("client_id", "") if isinstance(change, dict) else ""
    return {"Id": str(row_id), "MessageBody": json.dumps(change), "MessageGroupId": group(client_id)}


def relay(connection, sqs, queue_url):
    """Sends up to ten rows, and returns how many there were. A row that SQS never accepts moves to webhook_outbox_rejected."""
    with connection.transaction():
        rows = dict(connection.execute(TAKE, (BATCH,)).fetchall())
        if not rows:
            return 0
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=[entry(*row) for row in rows.items()])
        done = [int(taken["Id"]) for taken in answer.get("Successful", [])]
        for failed in answer.get("Failed", []):
            if failed["SenderFault"]:
                row_id = int(failed["Id"])
                connection.execute(REJECT, (row_id, json.dumps(rows[row_id]), failed["Code"]))
                done.append(row_id)
        connection.execute(DELETE, (done,))
    if len(done) < len(rows):
        raise RuntimeError(f"SQS did not take {len(rows) - len(done)} of {len(rows)} rows; they are sent again")
    return len(rows)


def main():
    sqs, queue_url = boto3.client("sqs"), os.environ["INTAKE_QUEUE_URL"]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("LISTEN webhook_outbox")
        backoff = 1
        while True:
            try:
                while relay(connection, sqs, queue_url):
                    backoff = 1
            except Exception as error:
                if connection.closed:
                    raise  # the supervisor starts it again
                print(f"relay: {error}; next try in {backoff} s", file=sys.stderr)
                time.sleep(backoff)
                backoff = min(2 * backoff, MAX_BACKOFF)
                continue
            # Wait for NOTIFY, and look once a second in case one was missed.
            for _ in connection.notifies(timeout=1, stop_after=1):
                pass


if __name__ == "__main__":
    main()
