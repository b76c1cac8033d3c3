"""The search attributes that an operator finds workflows by in the Temporal UI; nothing secret (law 14)."""

from temporalio.common import SearchAttributeKey

PAYMENT_STATE = SearchAttributeKey.for_keyword("PaymentState")
MERCHANT_ID = SearchAttributeKey.for_keyword("MerchantId")
ORDER_NO = SearchAttributeKey.for_keyword("OrderNo")
CHANNEL = SearchAttributeKey.for_keyword("Channel")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
