"""Sends the rows of the outbox to the intake queue, each at least once.

A row is deleted only after SQS took it, in the transaction that holds its lock, so several relays may run. A relay that
dies in between sends a row again: a copy of a state change is the same notification.

    pip install boto3 psycopg[binary]
    INTAKE_QUEUE_URL=... DATABASE_URL=postgresql://... python relay.py
"""

import json
import os

import boto3
import psycopg

BATCH = 10  # the most that SendMessageBatch takes
TAKE = """
    DELETE FROM webhook_outbox WHERE id IN (
        SELECT id FROM webhook_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING id, change"""


def entry(row_id, change):
    """A message. Its group is the client, so that a flood for one receiver delays no other (SQS fair queues)."""
    return {"Id": str(row_id), "MessageBody": json.dumps(change), "MessageGroupId": change["client_id"]}


def relay(connection, sqs, queue_url):
    """Sends up to ten rows, and says how many there were. A failure rolls the deletion back."""
    with connection.transaction():
        rows = connection.execute(TAKE, (BATCH,)).fetchall()
        if rows:
            answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=[entry(*row) for row in rows])
            if answer.get("Failed"):
                raise RuntimeError(f"{len(answer['Failed'])} of {len(rows)} rows were not taken; all are sent again")
        return len(rows)


def main():
    sqs, queue_url = boto3.client("sqs"), os.environ["INTAKE_QUEUE_URL"]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("LISTEN webhook_outbox")
        while True:
            while relay(connection, sqs, queue_url):
                pass
            # Wait for NOTIFY, and look once a second in case one was missed.
            for _ in connection.notifies(timeout=1, stop_after=1):
                pass


if __name__ == "__main__":
    main()
