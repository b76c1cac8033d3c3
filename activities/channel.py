"""The channel participant's calls: one HTTP call between two short transactions, never one inside the other (law 4)."""

from collections.abc import Awaitable, Callable

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.answers import keep_answer, keep_silence
from activities.attempts import channel_account
from activities.heartbeat import heartbeats
from activities.sending import Sending
from channels.answers import AnswerState, OrderAnswer
from channels.base import Channel, ChannelAccount, Op
from channels.errors import ChannelError, Misconfigured, NotExecuted, Unknown, Unsupported
from channels.registry import Channels
from domain.commands import AttemptCommand, PaymentView
from domain.states import AttemptState
from store import payments
from store.channel_accounts import ChannelAccounts
from store.database import Database

_log = structlog.get_logger("channel")


class ChannelCalls:
    """Pay, query and close at whatever channel the attempt names. `public_url` is where callbacks reach us."""

    def __init__(self, database: Database, accounts: ChannelAccounts, channels: Channels, public_url: str) -> None:
        self._database = database
        self._accounts = accounts
        self._channels = channels
        self._public_url = public_url

    @activity.defn(name="channel.pay")
    async def pay(self, command: AttemptCommand) -> PaymentView:
        """INTENT → SENT, the call, the answer with its evidence.

        A second run finds SENT: it sends again only where the channel makes our number idempotent, else the attempt is
        UNKNOWN. An intent that was forbidden or is too old is not sent.
        """
        async with heartbeats():
            return await self._send(command)

    async def _send(self, command: AttemptCommand) -> PaymentView:
        async with self._database.transaction("channel.sent", command.out_no) as session:
            sending = Sending.model_validate(await payments.begin_send(session, command.out_no))
        channel, account = await self._channel(sending.attempt.channel_account_id)
        if not sending.may_send(channel.capabilities(account)):
            return await self._silence_or_state(command, sending)
        order = sending.order(self._public_url)
        try:
            answer = await self._calling("channel.pay", command, lambda: channel.pay(account, order))
        except NotExecuted as error:
            raise await self._not_executed(command, sending, error) from error
        except (Unknown, Misconfigured, Unsupported) as error:
            return await self._pay_failed(command, sending, error)
        return await self._keep("channel.known", command, sending.trusted(answer))

    @activity.defn(name="channel.query")
    async def query(self, command: AttemptCommand) -> PaymentView:
        """The channel's word on the order is kept; no word at all is kept as silence, and asked again later."""
        async with heartbeats():
            return await self._ask("channel.query", command, Op.QUERY)

    @activity.defn(name="channel.close")
    async def close(self, command: AttemptCommand) -> PaymentView:
        """The channel's answer to our close is kept: closed, or paid after all. A channel without close is asked."""
        async with heartbeats():
            return await self._ask("channel.close", command, Op.CLOSE)

    async def _ask(self, name: str, command: AttemptCommand, operation: Op) -> PaymentView:
        channel, account = await self._channel(command.channel_account_id)
        closes = operation is Op.CLOSE and Op.CLOSE in channel.capabilities(account).ops
        call = channel.close if closes else channel.query
        try:
            answer = await self._calling(name, command, lambda: call(account, command.out_no))
        except ChannelError as error:
            async with self._database.transaction(f"{name}.silence", command.out_no) as session:
                return await keep_silence(session, command.out_no, error.evidence)
        return await self._keep(f"{name}.known", command, answer)

    async def _calling(
        self, name: str, command: AttemptCommand, call: Callable[[], Awaitable[OrderAnswer]]
    ) -> OrderAnswer:
        await self._database.reach(f"{name}.call:before", command.out_no)
        answer = await call()
        _log.info("channel_answered", out_no=command.out_no, state=answer.state)
        await self._database.reach(f"{name}.call:after", command.out_no)
        return answer

    async def _keep(self, name: str, command: AttemptCommand, answer: OrderAnswer | None) -> PaymentView:
        async with self._database.transaction(name, command.out_no) as session:
            if answer is None:
                return await keep_silence(session, command.out_no, None)
            return await keep_answer(session, command.out_no, answer)

    async def _silence_or_state(self, command: AttemptCommand, sending: Sending) -> PaymentView:
        """Not sent now: a SENT row is UNKNOWN from here, any other row already says what it is."""
        async with self._database.transaction("channel.unsent", command.out_no) as session:
            if sending.found is AttemptState.SENT:
                return await keep_silence(session, command.out_no, None)
            return await payments.require_view(session, command.payment_id)

    async def _not_executed(self, command: AttemptCommand, sending: Sending, error: NotExecuted) -> ApplicationError:
        """Nothing left us or nothing was done: the engine tries again until `send_before` has passed.

        The intent stands again only if this was the first send; an earlier one may have been executed.
        """
        if sending.first:
            async with self._database.transaction("channel.unsend", command.out_no) as session:
                await payments.undo_send(session, command.out_no)
        return ApplicationError("the channel was not reached", type=error.code)

    async def _pay_failed(self, command: AttemptCommand, sending: Sending, error: ChannelError) -> PaymentView:
        """Wrong keys on a first send are a rejection: the call changed nothing. Anything else is UNKNOWN."""
        async with self._database.transaction("channel.known", command.out_no) as session:
            if sending.first and isinstance(error, Misconfigured | Unsupported) and error.evidence is not None:
                rejected = OrderAnswer(state=AnswerState.REJECTED, evidence=error.evidence, code=error.code)
                return await keep_answer(session, command.out_no, rejected)
            return await keep_silence(session, command.out_no, error.evidence)

    async def _channel(self, account_id: str) -> tuple[Channel, ChannelAccount]:
        account = channel_account(await self._accounts.get(account_id))
        return self._channels.channel(account.channel), account
