// Requests as printed in the documentation of CostRouter, ImageRouter, OmniRouters and YouRouter. Line breaks that were lost
// are restored; nothing else is changed.

const HAIKU = '"messages": [{ "role": "user", "content": "Write a haiku about the ocean." }]';
const YOUROUTER = `curl https://api.yourouter.ai/v1/chat/completions \\
  -H "Authorization: Bearer $YOUROUTER_API_KEY" \\
  -H "Content-Type: application/json" \\
`;

const IMAGE = `${YOUROUTER}  -d '{
    "model": "gpt-4o",
    "messages": [
      {
        "role": "user",
        "content": [
          {
            "type": "text",
            "text": "Describe this image in one sentence."
          },
          {
            "type": "image_url",
            "image_url": {
              "url": "https://example.com/image.jpg"
            }
          }
        ]
      }
    ]
  }'`;

const PDF = `${YOUROUTER}  -d '{
    "model": "gpt-4o",
    "messages": [
      {
        "role": "user",
        "content": [
          {
            "type": "file",
            "file": {
              "filename": "document.pdf",
              "file_data": "<BASE64_PDF>"
            }
          },
          {
            "type": "text",
            "text": "Extract a summary and key conclusions from this PDF."
          }
        ]
      }
    ]
  }'`;

interface ChatExample {
  name: string;
  command: string;
  /** The provider's answer to the example's prompt. */
  says?: string;
}

const chat: ChatExample[] = [
  {
    name: 'CostRouter: a completion',
    command: `curl -X POST 'https://costrouter.ai/v1/chat/completions' \\
-H 'Authorization: Bearer sk-xxxx' \\
-H 'Content-Type: application/json' \\
-d '{
"model": "gpt-4o",
"messages": [
{
"role": "user",
"content": "Hello"
}
],
"stream": false
}'`,
  },
  {
    name: 'ImageRouter: a completion',
    command: `curl 'https://api.imagerouter.io/v1/openai/chat/completions' \\
-H 'Authorization: Bearer YOUR_API_KEY' \\
--json '{ "model": "openai/gpt-4o-mini", ${HAIKU}}'`,
  },
  {
    name: 'OmniRouters: the minimal example',
    command: `curl https://omnirouters.com/v1/chat/completions \\
  -H "Authorization: Bearer $OMNIROUTERS_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": "your-enabled-model",
    "messages": [
      {
        "role": "system",
        "content": "You are a helpful assistant."
      },
      {
        "role": "user",
        "content": "Write a short product introduction for OmniRouters."
      }
    ],
    "stream": false
  }'`,
  },
  {
    name: 'YouRouter: the request',
    command: `${YOUROUTER}  -d '{
    "model": "gpt-4o",
    "messages": [
      {
        "role": "user",
        "content": "Reply with exactly: connected"
      }
    ]
  }'`,
    says: 'connected',
  },
  { name: 'YouRouter: an image by its address', command: IMAGE },
  {
    name: 'YouRouter: automatic routing',
    command: `${YOUROUTER}  -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'`,
  },
];

const chatStreams = [
  {
    name: 'ImageRouter: a stream, whose last chunk has usage and cost',
    hasCost: true,
    command: `curl 'https://api.imagerouter.io/v1/openai/chat/completions' \\
-H 'Authorization: Bearer YOUR_API_KEY' \\
--json '{ "model": "openai/gpt-4o-mini", ${HAIKU}, "stream": true}'`,
  },
  {
    name: 'YouRouter: a stream',
    hasCost: false,
    command: `${YOUROUTER}  -d '{
    "model": "gpt-4o",
    "stream": true,
    "messages": [
      {
        "role": "user",
        "content": "Explain model routing in two sentences."
      }
    ]
  }'`,
  },
];

export const CURL_EXAMPLES = {
  chat,
  chatStreams,
  image: IMAGE,
  pdf: PDF,
  pinned: `${YOUROUTER}  -H "vendor: openai" \\
  -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'`,
  responses: `curl 'https://api.imagerouter.io/v1/openai/responses' \\
-H 'Authorization: Bearer YOUR_API_KEY' \\
--json '{ "model": "openai/gpt-4o-mini", "input": "Write a haiku about the ocean."}'`,
  responsesStream: `curl 'https://api.imagerouter.io/v1/openai/responses' \\
-H 'Authorization: Bearer YOUR_API_KEY' \\
--json '{ "model": "openai/gpt-4o-mini", "input": "Write a haiku about the ocean.", "stream": true}'`,
};

/** Each prints the model's answer. */
export const PYTHON_EXAMPLES = [
  {
    name: 'ImageRouter: a completion',
    code: `from openai import OpenAI

client = OpenAI( api_key="YOUR_API_KEY", base_url="https://api.imagerouter.io/v1/openai",)

completion = client.chat.completions.create( model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "Write a haiku about the ocean."}],)

print(completion.choices[0].message.content)`,
  },
  {
    name: 'ImageRouter: a stream',
    code: `from openai import OpenAI

client = OpenAI( api_key="YOUR_API_KEY", base_url="https://api.imagerouter.io/v1/openai",)

stream = client.chat.completions.create( model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "Write a haiku about the ocean."}], stream=True,)

for chunk in stream: print(chunk.choices[0].delta.content or "", end="")`,
  },
  {
    name: 'ImageRouter: Responses',
    code: `from openai import OpenAI

client = OpenAI( api_key="YOUR_API_KEY", base_url="https://api.imagerouter.io/v1/openai",)

response = client.responses.create( model="openai/gpt-4o-mini", input="Write a haiku about the ocean.",)

print(response.output_text)`,
  },
  {
    name: 'ImageRouter: Responses, streamed',
    code: `from openai import OpenAI

client = OpenAI( api_key="YOUR_API_KEY", base_url="https://api.imagerouter.io/v1/openai",)

stream = client.responses.create( model="openai/gpt-4o-mini", input="Write a haiku about the ocean.", stream=True,)

for event in stream:
    if event.type == "response.output_text.delta": print(event.delta, end="")`,
  },
  {
    name: 'YouRouter: the OpenAI SDK',
    says: 'connected',
    code: `import os
from openai import OpenAI

client = OpenAI(
    api_key=os.environ["YOUROUTER_API_KEY"],
    base_url="https://api.yourouter.ai/v1",
)

completion = client.chat.completions.create(
    model="gpt-4o",
    messages=[{"role": "user", "content": "Reply with exactly: connected"}],
)

print(completion.choices[0].message.content)`,
  },
];
