-- A transactional outbox: the state change is committed with the business data, or not at all.
CREATE TABLE IF NOT EXISTS webhook_outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change     jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Rows that SQS never accepts. Correct them and put them back into webhook_outbox.
CREATE TABLE IF NOT EXISTS webhook_outbox_rejected (
    id          bigint PRIMARY KEY,
    change      jsonb NOT NULL,
    code        text NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now()
);

-- As part of the transaction that settles a payment:
--
--   BEGIN;
--   UPDATE payment SET status = 'ACSC' WHERE id = $1;
--   INSERT INTO webhook_outbox (change) VALUES (jsonb_build_object(
--       'client_id', $2, 'api', 'payments', 'resource', 'pix_payment', 'resource_id', $1, 'api_version', 'v5',
--       'from', 'ACPD', 'to', 'ACSC',
--       'event_instant', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')));
--   NOTIFY webhook_outbox;
--   COMMIT;
