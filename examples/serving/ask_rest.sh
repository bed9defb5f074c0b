#!/bin/sh
# Asks a served classifier about one picture, over REST, with curl alone. It prints the reply's JSON.
#
#     sh ask_rest.sh http://localhost:8501 digits picture.png
set -eu
server=$1 model=$2 picture=$3

# The picture goes through a pipe: a command line has no room for a large one.
{
    printf '{"signature_name": "serving_default", "inputs": {"image_bytes": [{"b64": "'
    base64 <"$picture" | tr -d '\n'
    printf '"}]}}'
} | curl --silent --show-error --fail-with-body --max-time 30 \
    --header 'Content-Type: application/json' --data-binary @- \
    "$server/v1/models/$model:predict"
