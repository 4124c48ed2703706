# Streams by the official Python SDKs, all at once; prints the text that each received, or what it raised, as JSON.
# Usage: python_streams.py BASE_URL KEY PROMPT CHAT_MODEL RESPONSES_MODEL ANTHROPIC_MODEL GOOGLE_MODEL
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
from google import genai

base_url, key, prompt, chat_model, responses_model, anthropic_model, google_model = sys.argv[1:]
messages = [{"role": "user", "content": prompt}]
openai_client = openai.OpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0)
anthropic_client = anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0)
google_client = genai.Client(api_key=key, http_options={"base_url": base_url})


def chat():
    stream = openai_client.chat.completions.create(model=chat_model, stream=True, messages=messages)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def responses():
    with openai_client.responses.stream(model=responses_model, input=prompt, store=False) as stream:
        return stream.get_final_response().output_text


def anthropic_messages():
    with anthropic_client.messages.stream(model=anthropic_model, max_tokens=100, messages=messages) as stream:
        return stream.get_final_text()


def google():
    stream = google_client.models.generate_content_stream(model=google_model, contents=prompt)
    return "".join(chunk.text or "" for chunk in stream)


def seen(ask):
    try:
        return ask()
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__}: {error}"


with ThreadPoolExecutor() as pool:
    asked = {ask.__name__: pool.submit(seen, ask) for ask in (chat, responses, anthropic_messages, google)}
    print(json.dumps({name: answer.result() for name, answer in asked.items()}))
