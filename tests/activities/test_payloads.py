"""How commands and results travel through the engine."""

from temporalio.contrib.pydantic import pydantic_data_converter

from activities.payloads import Payloads, data_converter
from domain.commands import StepCommand
from domain.money import Currency, Money

_JSON = b"json/plain"


async def test_what_is_sent_is_what_the_sdks_converter_for_pydantic_sends() -> None:
    """Histories stay readable by workers of other versions."""
    sent = [StepCommand(payment_id="pay_1"), Money(amount_minor=1, currency=Currency.CNY), None, "text", b"bytes"]
    assert await pydantic_data_converter.encode(sent) == await data_converter.encode(sent)


async def test_models_arrive_as_models() -> None:
    """The receiver's type decides."""
    sent = StepCommand(payment_id="pay_1")
    assert [sent] == await data_converter.decode(await data_converter.encode([sent]), [StepCommand])


def test_all_runs_share_their_adapters_of_types() -> None:
    """To make them anew for each run costs more than the converting."""
    assert Payloads().converters[_JSON] is Payloads().converters[_JSON]
