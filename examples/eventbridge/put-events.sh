#!/bin/sh
# Puts one state change on the event bus. IntakeEventPattern decides by detail-type, and by source where it says so.
#
#   CLIENT_ID=... sh put-events.sh [event bus]
set -eu
bus=${1:-default}
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
change=$(printf '{"client_id":"%s","api":"payments","resource":"pix_payment","resource_id":"%s","api_version":"v5","from":"ACPD","to":"ACSC","event_instant":"%s"}' \
    "${CLIENT_ID:?the client to be notified}" "example-$(date +%s)" "$now")
# The detail is JSON in a text.
detail=$(printf '%s' "$change" | sed 's/"/\\"/g')
failed=$(aws events put-events --entries \
    "[{\"EventBusName\":\"$bus\",\"Source\":\"bank.payments\",\"DetailType\":\"StateChange\",\"Detail\":\"$detail\"}]" \
    --query FailedEntryCount --output text)
# The command succeeds even if the bus refuses the entry.
[ "$failed" = 0 ] || { echo "The event bus refused the state change." >&2; exit 1; }
