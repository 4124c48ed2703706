# A batch from upload to download by the official Python SDK; prints what it saw as JSON.
# Usage: openai_batch.py BASE_URL KEY LINES
import io
import json
import sys
import time

import openai

base_url, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
lines = [
    {
        "custom_id": f"line-{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "solo", "messages": [{"role": "user", "content": f"Grüße {number}"}]},
    }
    for number in range(count)
]
data = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()
file = client.files.create(
    file=("input.jsonl", io.BytesIO(data)),
    purpose="batch",
    expires_after={"anchor": "created_at", "seconds": 7200},
)
batch = client.batches.create(
    input_file_id=file.id,
    endpoint="/v1/chat/completions",
    completion_window="24h",
    metadata={"from": "python"},
    output_expires_after={"anchor": "created_at", "seconds": 3600},
)
created = batch.status
while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.1)
    batch = client.batches.retrieve(batch.id)
output = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
refusal = None
try:
    client.batches.cancel(batch.id)
except openai.ConflictError as error:
    refusal = error.status_code
output_file = client.files.retrieve(batch.output_file_id)
print(
    json.dumps(
        {
            "version": openai.__version__,
            "created": created,
            "status": batch.status,
            "counts": batch.request_counts.to_dict(),
            "metadata": batch.metadata,
            "file_life": file.expires_at - file.created_at,
            "output_life": output_file.expires_at - output_file.created_at,
            "ids": sorted(line["custom_id"] for line in output),
            "input_is_whole": client.files.content(file.id).read() == data,
            "listed_batches": [each.id for each in client.batches.list(limit=1)] == [batch.id],
            "listed_files": sorted(each.id for each in client.files.list(limit=1)) == sorted([file.id, output_file.id]),
            "refusal": refusal,
            "deleted": client.files.delete(file.id).deleted,
        }
    )
)
