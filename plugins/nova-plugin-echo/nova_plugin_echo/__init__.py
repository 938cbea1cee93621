"""A deterministic provider for tests, demos and plugin authors: no network, no key, no model.

`echo/ANYTHING` answers a chat with the text of the last user message, word by word when streamed; after a tool
message it answers with the tools' results. The same request gets the same answer. What it understands:

    max_tokens, stop            cut the answer; a word is a token
    n                           that many equal answers
    response_format             json_object and json_schema: the answer is {"echo": text}
    tools                       a line `call NAME {"json": 1}` calls the tool of that name; several lines call in
                                parallel. tool_choice is obeyed: a required or named tool is called with {}
    embeddings                  unit vectors from a hash of model and text, 32 wide, or `dimensions`; base64 and
                                return_multivector (a vector a word) too

Lines of the user's text that begin with `!` direct it, and are left out of the answer:

    !error 429 retry-after=2 slow down      fail with that status
    !delay 50ms                             wait before answering
    !pause 10ms                             wait between two words of a stream
    !break after 3                          a stream breaks after three words, a whole answer never comes
    !think some reasoning                   begin with a thinking part

The model's name can say the same: `echo/echo+error-503`, `echo/echo+delay-50ms+break-3`.

Usage is honest in its own unit: a token is a word (what stands between blanks) of the text that went in or came
out; reasoning counts as reasoning. Times are `ms` or `s`.
"""

from __future__ import annotations

from nova_plugin_echo.provider import Echo

plugin = Echo()
