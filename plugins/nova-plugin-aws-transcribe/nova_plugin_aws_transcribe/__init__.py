"""Amazon Transcribe: transcripts by jobs on files in S3."""

from nova_plugin_aws_transcribe.provider import Transcribe

plugin = Transcribe()
