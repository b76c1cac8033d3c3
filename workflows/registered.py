"""Every workflow there is: those of the business's objects, and those that run on schedules."""

from workflows.partitions import PartitionsWorkflow
from workflows.payment import PaymentWorkflow
from workflows.payout import PayoutWorkflow
from workflows.refund import RefundWorkflow
from workflows.seal import SealWorkflow
from workflows.sweeper import SweeperWorkflow
from workflows.top_up import TopUpWorkflow
from workflows.transfer import TransferWorkflow
from workflows.verify import VerifyWorkflow
from workflows.watch import WatchWorkflow

SCHEDULED = (PartitionsWorkflow, SealWorkflow, SweeperWorkflow, VerifyWorkflow, WatchWorkflow)
SAGAS = (PaymentWorkflow, TopUpWorkflow, RefundWorkflow, PayoutWorkflow, TransferWorkflow)
