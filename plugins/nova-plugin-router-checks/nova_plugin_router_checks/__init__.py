"""Leaves out deployments that a request does not fit (`router_settings.enable_pre_call_checks: true`).

Checked before anything is sent, with what is known of each deployment's model; what is not known refuses nothing:

* context window: tokens of the prompt, counted offline, against `max_input_tokens`; of embeddings each item's;
* content: images, audio, files and video against `supported_modalities` and `supports_vision`, `supports_audio_input`,
  `supports_pdf_input`, `supports_video_input`;
* parameters: against `supported_openai_params`, and tools, JSON schemas and such against `supports_function_calling`,
  `supports_response_schema`, …; where parameters may be dropped (`drop_params`), they are not looked at;
* batch: the number of items of an embeddings request against `max_batch_size`.

Region is the other way round: `allowed_model_region` (in the body, its `metadata`, or the metadata of the caller's key)
keeps the deployments whose `region_name` is that region or lies in it (`eu-west-1` in `eu`); a deployment that does not
say where it is, is left out.

When nothing is left, the error says what the request must change; a prompt that is too long for all is a
`context_length_exceeded`, so that its fallbacks apply.
"""

from nova_plugin_router_checks.plugin import RouterChecks

__all__ = ["RouterChecks"]
