"""Small real models in this process: chat and embeddings without a key or a download."""
