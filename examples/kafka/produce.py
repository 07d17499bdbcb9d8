"""Produces one state change as a CloudEvent; the change is its data.

    pip install confluent-kafka
    CLIENT_ID=... python produce.py BOOTSTRAP_SERVERS TOPIC
"""

import json
import os
import sys
import uuid
from datetime import datetime, timezone

from confluent_kafka import Producer


def change(client_id):
    """A state change that must be notified, happening now."""
    return {
        "client_id": client_id,
        "api": "payments",
        "resource": "pix_payment",
        "resource_id": f"example-{uuid.uuid4().hex[:12]}",
        "api_version": "v5",
        "from": "ACPD",
        "to": "ACSC",
        "event_instant": datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def cloud_event(data):
    """The structured mode of CloudEvents 1.0."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/core/payments",
        "type": "br.com.bank.payment.changed",
        "datacontenttype": "application/json",
        "data": data,
    }


def main():
    servers, topic = sys.argv[1:]
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    data = change(os.environ["CLIENT_ID"])
    producer.produce(topic, key=data["client_id"], value=json.dumps(cloud_event(data)))
    if producer.flush(10):
        sys.exit("the record was not taken within 10 s")


if __name__ == "__main__":
    main()
