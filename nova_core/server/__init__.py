"""The HTTP side: routes, authentication, rendering, health, metrics, and the processes that serve them."""
