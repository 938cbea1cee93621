"""The rules of the protocol, as `h2` keeps them for one connection of a client."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.settings import SettingCodes, Settings

from nova_core.gateway.transport import TransportOptions

# Never the bound: each answer has a window of its own, so that one that nobody reads holds up no other.
CONNECTION_WINDOW = 2**30
# What may be remembered of headers that were sent, however much the upstream would remember.
HEADER_TABLE = 64 * 1024


class Rules(H2Connection):
    """Takes frames, makes frames. Headers that it sends are made, and checked, elsewhere."""

    MAX_CLOSED_STREAMS = 1_000

    def __init__(self, options: TransportOptions) -> None:
        config = H2Configuration(
            header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False
        )
        super().__init__(config)
        wanted = {
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: options.read_buffer,
            SettingCodes.MAX_HEADER_LIST_SIZE: options.header_limit,
        }
        self.local_settings = Settings(client=True, initial_values=wanted)
        del self.local_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL]  # it is for servers to say
        self.decoder.max_header_list_size = options.header_limit
        self.initiate_connection()
        self.increment_flow_control_window(CONNECTION_WINDOW)

    def bound_memory(self) -> None:
        """After new settings: remember no more than is good for us."""
        if self.encoder.header_table_size > HEADER_TABLE:
            self.encoder.header_table_size = HEADER_TABLE

    def end(self, number: int, code: ErrorCodes) -> None:
        """Reset a stream, unless it has ended."""
        stream = self.streams.get(number)
        if stream is not None and not stream.closed:
            self.reset_stream(number, code)
