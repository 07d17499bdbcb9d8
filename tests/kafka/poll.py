"""Produces records to a broker, polls them as Lambda's event source mapping does, and prints the event.

The broker is librdkafka's own mock, which speaks Kafka's protocol on a socket. Reads values from standard input, as JSON: a
list of texts in base64. The shape of the event: "Processing self-managed Apache Kafka messages with Lambda", AWS Lambda
Developer Guide.
"""

import base64
import json
import sys

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, Producer, TopicPartition

TOPIC = "changes"
TIMESTAMP_TYPES = {TIMESTAMP_LOG_APPEND_TIME: "LOG_APPEND_TIME"}


def record(message):
    def text(content):
        return None if content is None else base64.b64encode(content).decode()

    kind, timestamp = message.timestamp()
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": timestamp,
        "timestampType": TIMESTAMP_TYPES.get(kind, "CREATE_TIME"),
        "key": text(message.key()),
        "value": text(message.value()),
        # Bytes of Java, which have a sign.
        "headers": [{name: [byte - 256 if byte > 127 else byte for byte in value]} for name, value in message.headers() or []],
    }


def main():
    values = [base64.b64decode(value) for value in json.load(sys.stdin)]
    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    # The mock tells a client where it listens, not its program: the cluster's metadata does.
    brokers = producer.list_topics(TOPIC, 10).brokers.values()
    servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    for value in values:
        producer.produce(TOPIC, value=value, partition=0, headers=[("trace", b"\xc3\xa9")])
    # A tombstone.
    producer.produce(TOPIC, value=None, key="k", partition=0)
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "arauto", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    records = []
    while len(records) < len(values) + 1:
        message = consumer.poll(10)
        assert message is not None and message.error() is None, message and message.error()
        records.append(record(message))
    consumer.close()
    event = {
        "eventSource": "SelfManagedKafka",
        "bootstrapServers": servers,
        "records": {f"{TOPIC}-0": records},
    }
    print(json.dumps(event))


if __name__ == "__main__":
    main()
