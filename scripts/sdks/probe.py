"""Asks Sluice by SDKs for Python. Prints one line of JSON: what came of each case.

python probe.py SDK < cases (JSON: url, key, model, schema, tools, cases)
"""

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")
given = json.load(sys.stdin)
URL, KEY, MODEL = given["url"], given["key"], given["model"]
SCHEMA, TOOLS = given["schema"], given["tools"]
RESULT = "the result"


def user(prompt):
    return [{"role": "user", "content": prompt}]


class OpenAIChat:
    def __init__(self):
        import openai

        self.create = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY).chat.completions.create

    def say(self, prompt):
        return self.create(model=MODEL, messages=user(prompt)).choices[0].message.content

    def stream(self, prompt):
        for chunk in self.create(model=MODEL, messages=user(prompt), stream=True):
            if chunk.choices:
                yield chunk.choices[0].delta.content or ""

    def structured(self, prompt):
        form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}
        answer = self.create(model=MODEL, messages=user(prompt), response_format=form)
        return json.loads(answer.choices[0].message.content)

    def tools(self, prompt, on_call):
        messages = user(prompt)
        declared = [{"type": "function", "function": tool} for tool in TOOLS]
        while True:
            message = self.create(model=MODEL, messages=messages, tools=declared).choices[0].message
            messages.append(message)
            if not message.tool_calls:
                return message.content
            for call in message.tool_calls:
                on_call(call.function.name, json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": RESULT})


class OpenAIResponses:
    def __init__(self):
        import openai

        self.responses = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY).responses

    def say(self, prompt):
        return self.responses.create(model=MODEL, input=prompt).output_text

    def stream(self, prompt):
        with self.responses.stream(model=MODEL, input=prompt) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    yield event.delta

    def structured(self, prompt):
        form = {"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": SCHEMA}}
        return json.loads(self.responses.create(model=MODEL, input=prompt, text=form).output_text)

    def tools(self, prompt, on_call):
        items, previous = user(prompt), None
        declared = [{"type": "function", "strict": False, **tool} for tool in TOOLS]
        while True:
            more = {} if previous is None else {"previous_response_id": previous}
            response = self.responses.create(model=MODEL, input=items, tools=declared, **more)
            calls = [item for item in response.output if item.type == "function_call"]
            if not calls:
                return response.output_text
            previous, items = response.id, []
            for call in calls:
                on_call(call.name, json.loads(call.arguments))
                items.append({"type": "function_call_output", "call_id": call.call_id, "output": RESULT})


class AnthropicMessages:
    def __init__(self):
        import anthropic

        self.messages = anthropic.Anthropic(base_url=URL, api_key=KEY).messages
        self.more = {"model": MODEL, "max_tokens": 2000}

    @staticmethod
    def text(message):
        return "".join(block.text for block in message.content if block.type == "text")

    def say(self, prompt):
        return self.text(self.messages.create(messages=user(prompt), **self.more))

    def stream(self, prompt):
        with self.messages.stream(messages=user(prompt), **self.more) as stream:
            yield from stream.text_stream

    def structured(self, prompt):
        form = {"format": {"type": "json_schema", "schema": SCHEMA}}
        return json.loads(self.text(self.messages.create(messages=user(prompt), output_config=form, **self.more)))

    def tools(self, prompt, on_call):
        messages = user(prompt)
        declared = [{"name": tool["name"], "input_schema": tool["parameters"]} for tool in TOOLS]
        while True:
            message = self.messages.create(messages=messages, tools=declared, **self.more)
            messages.append({"role": "assistant", "content": message.content})
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                return self.text(message)
            results = []
            for call in calls:
                on_call(call.name, call.input)
                results.append({"type": "tool_result", "tool_use_id": call.id, "content": RESULT})
            messages.append({"role": "user", "content": results})


class GoogleGenAI:
    def __init__(self):
        from google import genai

        # Kept in a field: a client that is garbage-collected closes its connections.
        self.client = genai.Client(api_key=KEY, http_options={"base_url": URL})

    def ask(self, contents, **config):
        return self.client.models.generate_content(model=MODEL, contents=contents, config=config)

    def say(self, prompt):
        return self.ask(prompt).text

    def stream(self, prompt):
        for chunk in self.client.models.generate_content_stream(model=MODEL, contents=prompt):
            yield chunk.text or ""

    def structured(self, prompt):
        answer = self.ask(prompt, response_mime_type="application/json", response_json_schema=SCHEMA)
        return json.loads(answer.text)

    def tools(self, prompt, on_call):
        contents = [{"role": "user", "parts": [{"text": prompt}]}]
        declared = [{"name": tool["name"], "parameters_json_schema": tool["parameters"]} for tool in TOOLS]
        while True:
            answer = self.ask(contents, tools=[{"function_declarations": declared}])
            contents.append(answer.candidates[0].content)
            if not answer.function_calls:
                return answer.text
            parts = []
            for call in answer.function_calls:
                on_call(call.name, call.args)
                parts.append({"function_response": {"id": call.id, "name": call.name, "response": {"output": RESULT}}})
            contents.append({"role": "user", "parts": parts})


class LangChain:
    def __init__(self, chat):
        self.chat = chat

    @staticmethod
    def text(message):
        content = message.content
        if isinstance(content, str):
            return content
        return "".join(part if isinstance(part, str) else part.get("text", "") for part in content)

    def say(self, prompt):
        return self.text(self.chat.invoke(prompt))

    def stream(self, prompt):
        for chunk in self.chat.stream(prompt):
            yield self.text(chunk)

    def structured(self, prompt):
        return self.chat.with_structured_output({"title": "answer", "description": "An answer.", **SCHEMA}).invoke(prompt)

    def tools(self, prompt, on_call):
        from langchain_core.messages import HumanMessage, ToolMessage

        bound = self.chat.bind_tools([{"type": "function", "function": tool} for tool in TOOLS])
        messages = [HumanMessage(prompt)]
        while True:
            message = bound.invoke(messages)
            messages.append(message)
            if not message.tool_calls:
                return self.text(message)
            for call in message.tool_calls:
                on_call(call["name"], call["args"])
                messages.append(ToolMessage(RESULT, tool_call_id=call["id"], name=call["name"]))


def langchain_openai():
    from langchain_openai import ChatOpenAI

    return LangChain(ChatOpenAI(model=MODEL, api_key=KEY, base_url=f"{URL}/v1"))


def langchain_anthropic():
    from langchain_anthropic import ChatAnthropic

    return LangChain(ChatAnthropic(model=MODEL, api_key=KEY, base_url=URL, max_tokens=2000))


def langchain_google():
    from langchain_google_genai import ChatGoogleGenerativeAI

    own = {"base_url": URL} if given["isNewest"] else {"client_options": {"api_endpoint": URL}, "transport": "rest"}
    return LangChain(ChatGoogleGenerativeAI(model=MODEL, google_api_key=KEY, **own))


SDKS = {
    "openai chat": OpenAIChat,
    "openai responses": OpenAIResponses,
    "anthropic": AnthropicMessages,
    "google-genai": GoogleGenAI,
    "langchain openai": langchain_openai,
    "langchain anthropic": langchain_anthropic,
    "langchain google": langchain_google,
}


def attempt(client, kind, prompt):
    text, calls = "", []
    try:
        if kind == "stream":
            for piece in client.stream(prompt):
                text += piece
        elif kind == "tools":
            text = client.tools(prompt, lambda tool, value: calls.append({"tool": tool, "input": value}))
        elif kind == "structured":
            return {"value": client.structured(prompt), "calls": calls}
        else:
            text = client.say(prompt)
        return {"text": text, "calls": calls}
    except Exception as error:
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        raised = f"{type(error).__name__} {status}" if isinstance(status, int) else type(error).__name__
        return {"text": text, "calls": calls, "raised": raised, "message": str(error)}


client = SDKS[sys.argv[1]]()
results = {}
for case in given["cases"]:
    started = time.monotonic()
    result = attempt(client, case["kind"], case["prompt"])
    results[case["name"]] = {**result, "ms": round((time.monotonic() - started) * 1000)}
print(json.dumps(results, default=str))
