"""From a POST to a posted transfer."""

from dataclasses import dataclass

from api.audit_rows import note_first
from api.auth import Caller
from api.operation_start import AskedOperation, Start, claim, start_operation
from api.outgoing_bodies import TransferBody
from api.services import Services
from domain.errors import TransferToSelf, Unavailable, UnknownAccount
from domain.ids import AccountId, new_transfer_id
from domain.money import Money
from domain.outgoing import TransferCommand
from domain.outgoing_objects import TransferObject, render_transfer
from domain.outgoing_orders import TransferRequest
from domain.states import Operation
from ledger.accounts import read_account
from store.operations import ClaimedOperation
from store.transfers import snapshot
from workflows.transfer import TransferWorkflow


@dataclass(frozen=True)
class StartedTransfer:
    """The transfer as it is now, and whether an earlier call made it."""

    transfer: TransferObject
    replayed: bool


async def start_transfer(services: Services, caller: Caller, *, body: TransferBody, key: str | None) -> StartedTransfer:
    """The transfer is posted; what refuses it is raised, and its number is free.

    A transfer belongs to the merchant of the account that it comes from; only the operator may cross merchants.
    """
    if body.from_account_id == body.to_account_id:
        raise TransferToSelf
    merchant_id = caller.merchant_id or await _merchant_of(services, body.from_account_id)
    request = TransferRequest(**body.model_dump(), across_merchants=caller.is_operator)
    operation = AskedOperation(
        merchant_id=merchant_id,
        operation=Operation.TRANSFER,
        number=body.transfer_no,
        body=body,
        kept=request.model_dump(mode="json"),
        new_id=new_transfer_id(),
        key=key,
    )
    claimed = await claim(services, operation)
    await note_first(services, caller, "transfer.make", claimed.object_id)
    await start_transfer_workflow(services, claimed, operation, summary=_summary(body))
    async with services.database.reading() as session:
        found = await snapshot(session, claimed.object_id)
    if found is None:
        raise Unavailable("not opened yet; the same call continues it")
    return StartedTransfer(transfer=render_transfer(found), replayed=claimed.replayed)


async def start_transfer_workflow(
    services: Services, claimed: ClaimedOperation, asked: AskedOperation, *, summary: str
) -> None:
    """The transfer is posted; what refuses it is raised, and its number is free."""
    start = Start(
        run=TransferWorkflow.run,
        command=TransferCommand(transfer_id=claimed.object_id, merchant_id=asked.merchant_id),
        accepted=TransferWorkflow.accepted,
        channel=None,
        summary=summary,
    )
    await start_operation(services, claimed, asked, start=start)


async def _merchant_of(services: Services, account_id: str) -> str:
    async with services.database.reading() as session:
        account = await read_account(session, AccountId(account_id))
    if account.merchant_id is None:
        raise UnknownAccount(f"no account {account_id}")
    return account.merchant_id


def _summary(body: TransferBody) -> str:
    amount = Money(amount_minor=body.amount_minor, currency=body.currency).to_major_text()
    return f"transfer {body.transfer_no}: {amount} {body.currency}"
