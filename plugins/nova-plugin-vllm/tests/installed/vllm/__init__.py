"""Stands for an installed vLLM: the interface that the plugin uses, over a model that says what it is told.

`tests/itself` holds its functions to the parameters of the real ones.
"""
