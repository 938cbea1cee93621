"""The official Anthropic client against the gateway of `make serve`. Usage: anthropic_client.py [URL]"""

from __future__ import annotations

import sys

from anthropic import Anthropic

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:4000"
client = Anthropic(base_url=url, api_key="none")

message = client.messages.create(
    model="local-chat", max_tokens=24, messages=[{"role": "user", "content": "Say hello in one short sentence."}]
)
print("message:", message.content[0].text)
print("usage:", message.usage.input_tokens, "in,", message.usage.output_tokens, "out")

print("stream: ", end="")
with client.messages.stream(
    model="local-chat", max_tokens=24, messages=[{"role": "user", "content": "Count to five."}]
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()

counted = client.messages.count_tokens(model="local-chat", messages=[{"role": "user", "content": "How long am I?"}])
print("counted:", counted.input_tokens)
