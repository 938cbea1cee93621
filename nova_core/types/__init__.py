"""Plain data: calls, requests, replies, deployments, usage, decisions."""
