#!/bin/bash
# What      White space around the JSON array with which `streamGenerateContent` answers unless events are requested, read by the
#           client library that Google's generated Python packages use over REST.
# Versions  google-api-core 2.28.1, requests 2.32.5 (PyPI)
# Expected  It is ignored: RFC 8259 allows it before and after any value, and a slow server may send it to keep a connection open.
# Seen      2026-11-28: it is ignored only between the elements. If it comes before the array, no message arrives; if it comes
#           after it, the last call of `next` raises after all messages: "Can only parse array of JSON objects, instead got". The
#           reader expects a bracket in every character outside the array. So an answer that ends with a line feed counts as
#           failed, and there is no way to keep such a client's connection alive.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
uv venv --quiet env
uv pip install --quiet --python env/bin/python google-api-core==2.28.1 requests==2.32.5

cat > read.py <<'E2'
import io, warnings
warnings.simplefilter('ignore')
import requests
from google.api_core.rest_streaming import ResponseIterator
from google.protobuf.struct_pb2 import Struct

def read(text):
    response = requests.Response()
    response.status_code, response.encoding, response.raw = 200, 'utf-8', io.BytesIO(text.encode())
    messages = []
    try:
        for message in ResponseIterator(response, Struct):
            messages.append(int(message['n']))
        return f'{messages}, ends'
    except ValueError as error:
        return f'{messages}, raises: {str(error).strip()}'

for name, text in {
    'bare': '[{"n": 1},\r\n{"n": 2}]',
    'between': '[\n\n{"n": 1}\n,\r\n \n{"n": 2}\n]',
    'before': '\n[{"n": 1},{"n": 2}]',
    'behind': '[{"n": 1},{"n": 2}]\n',
}.items():
    print(f'{name}: {read(text)}')
E2
env/bin/python -W ignore read.py 2> /dev/null | tee seen
diff seen - <<'E2' && echo 'unchanged'
bare: [1, 2], ends
between: [1, 2], ends
before: [], raises: Can only parse array of JSON objects, instead got
behind: [1, 2], raises: Can only parse array of JSON objects, instead got
E2
