"""Whether a run saw what it has to have seen, or it proves little. Prints what was answered, and how often."""

import json
import sys

LOOKUPS = ["GET /peer/{client_id}/udp", "GET /peer/{client_id}/udp/status"]
CALLS = ["POST /register", "POST /verify", "POST /logout", *LOOKUPS]
MUST = [
    *(f"{call} 200" for call in CALLS),
    *(f"{call} 401" for call in CALLS[1:]),
    *(f"{call} {status}" for call in LOOKUPS for status in [400, 404]),
    *(f"DELETE {call.split()[1]} 405" for call in CALLS),
]

with open(sys.argv[1]) as file:
    seen = json.load(file)
for answer in sorted(seen):
    print(f"{seen[answer]:6} {answer}")
missing = [answer for answer in MUST if answer not in seen]
if missing:
    sys.exit("never seen: " + ", ".join(missing))
