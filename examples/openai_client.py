"""The official OpenAI client against the gateway of `make serve`. Usage: openai_client.py [URL]"""

from __future__ import annotations

import sys

from openai import OpenAI

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:4000"
client = OpenAI(base_url=f"{url}/v1", api_key="none")

print("models:", ", ".join(model.id for model in client.models.list()))

reply = client.chat.completions.create(
    model="local-chat", messages=[{"role": "user", "content": "Say hello in one short sentence."}], max_tokens=24
)
print("chat:", reply.choices[0].message.content)
print("usage:", reply.usage.prompt_tokens, "in,", reply.usage.completion_tokens, "out")

print("stream: ", end="")
stream = client.chat.completions.create(
    model="local-chat", messages=[{"role": "user", "content": "Count to five."}], max_tokens=24, stream=True
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()

vectors = client.embeddings.create(
    model="all-minilm-l6-v2", input=["a cat sleeps", "a kitten naps", "the stock market"]
)
cat, kitten, market = (item.embedding for item in vectors.data)


def similarity(a: list[float], b: list[float]) -> float:
    """Both have length 1."""
    return sum(x * y for x, y in zip(a, b, strict=True))


print(f"similarity: cat and kitten {similarity(cat, kitten):.2f}, cat and market {similarity(cat, market):.2f}")

for task in ("retrieval.query", "code"):
    raw = client.embeddings.with_raw_response.create(
        model="nova-embeddings-v1", input="sort a list", extra_body={"task": task}
    )
    print(f"task {task}: served by {raw.headers['x-nova-model-id']}, in {raw.headers['x-nova-embedding-space']}")
