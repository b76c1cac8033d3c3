"""What commands and results look like on their way through the engine: JSON, by pydantic."""

from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    EncodingPayloadConverter,
    JSONPlainPayloadConverter,
)

_JSON = PydanticJSONPlainPayloadConverter()


def _ours(theirs: EncodingPayloadConverter) -> EncodingPayloadConverter:
    return _JSON if isinstance(theirs, JSONPlainPayloadConverter) else theirs


class Payloads(CompositePayloadConverter):
    """As the SDK's converter for pydantic, whose adapters of types all instances share.

    The SDK makes an instance for each workflow run and two for each of its activations, and an adapter is what costs.
    """

    _converters = tuple(_ours(theirs) for theirs in DefaultPayloadConverter.default_encoding_payload_converters)

    def __init__(self) -> None:
        super().__init__(*self._converters)


data_converter = DataConverter(payload_converter_class=Payloads)
