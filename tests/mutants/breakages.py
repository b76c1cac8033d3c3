"""Small breakages of the coordinator, of the judgement and of the book, each with the test that must see it."""

from dataclasses import dataclass

TCC = "tests/workflows/test_tcc.py"
PROOF = "tests/activities/test_judgement.py"
MONEY = "tests/activities/test_judgement_money.py"
MACHINE = "tests/ledger/test_machine.py"
SOME_ORDER = "test_some_order_explains_what_happened_at_once"
SHARES = "tests/domain/test_refund_shares.py"
SIDE_BY_SIDE = "tests/ledger/test_side_by_side.py"


@dataclass(frozen=True)
class Breakage:
    """In `file`, the only occurrence of `right` becomes `wrong`; `test` of `test_file` fails then."""

    name: str
    file: str
    right: str
    wrong: str
    test_file: str
    test: str

    def apply(self, text: str) -> str:
        """The broken text; ValueError when the file has moved on and the breakage must be rewritten."""
        if text.count(self.right) != 1:
            raise ValueError(f"{self.name}: {self.file} has {text.count(self.right)} times {self.right!r}")
        return text.replace(self.right, self.wrong)


BREAKAGES = (
    Breakage(
        "a cancel that fails is given up",
        "workflows/tcc.py",
        "await forward(lambda: self._local.cancel(name), self._record.flag)",
        "await self._local.cancel(name)",
        TCC,
        "test_one_refusing_cancel_does_not_stop_the_others",
    ),
    Breakage(
        "what is held is let go although the money came",
        "workflows/tcc.py",
        "if self._sender is not None and not await self._sender.cancel():",
        "if self._sender is not None and await self._sender.cancel() is None:",
        TCC,
        "test_money_found_while_undoing_goes_forward",
    ),
    Breakage(
        "a bug compensates",
        "workflows/tcc.py",
        "            raise Stopped from error\n        raise",
        "            raise Stopped from error\n        raise Stopped from error",
        TCC,
        "test_a_bug_stalls_and_moves_nothing",
    ),
    Breakage(
        "not found is taken for closed",
        "activities/judgement.py",
        "        case AnswerState.CLOSED:",
        "        case AnswerState.CLOSED | AnswerState.NOT_FOUND:",
        PROOF,
        "test_silence_proves_nothing",
    ),
    Breakage(
        "expiry proves at every channel",
        "activities/judgement.py",
        "    return passed and standing.close_proof is CloseProof.AFTER_EXPIRY",
        "    return passed",
        PROOF,
        "test_a_question_after_expiry_and_margin_proves_where_the_channel_says_so",
    ),
    Breakage(
        "late money is dropped",
        "activities/judgement.py",
        'return Verdict({**received, "state": AttemptState.PAID_LATE}, None, Unapplied.LATE)',
        "return _asked_again(standing, at)",
        MONEY,
        "test_money_after_the_end_is_late",
    ),
    Breakage(
        "a cancel without a try leaves no tombstone",
        "ledger/sql/006_holds.sql",
        "        RETURN 'tombstone';",
        """
        DELETE FROM hold WHERE biz_type = p_biz_type AND biz_id = p_biz_id AND step = p_step;
        RETURN 'tombstone';""",
        MACHINE,
        SOME_ORDER,
    ),
    Breakage(
        "a posting writes the balance that it read",
        "ledger/sql/008_balances.sql",
        """
            available = a.available + m.free_minor, frozen = a.frozen - m.held_minor, version = a.version + 1
        FROM unnest(p_moves) AS m
""",
        """
            available = seen.available + m.free_minor, frozen = a.frozen - m.held_minor, version = a.version + 1
        FROM unnest(p_moves) AS m JOIN account AS seen ON seen.id = m.account_id
""",
        SIDE_BY_SIDE,
        "test_both_changes_of_one_balance_stay",
    ),
    Breakage(
        "a try writes the balance that it read",
        "ledger/sql/006_holds.sql",
        """
        available = available - p_amount_minor, frozen = frozen + p_amount_minor, version = version + 1
""",
        """
        available = (SELECT available FROM account WHERE id = p_account_id) - p_amount_minor,
        frozen = frozen + p_amount_minor, version = version + 1
""",
        MACHINE,
        SOME_ORDER,
    ),
    Breakage(
        "folding goes by the last number that it saw",
        "ledger/sql/004_fold.sql",
        """
    WITH taken AS (
        DELETE FROM inbox WHERE account_id = ANY (p_account_ids) RETURNING account_id, amount_minor
    ), sums AS (
        SELECT account_id, sum(amount_minor)::bigint AS amount_minor, count(*) AS taken FROM taken GROUP BY account_id
    ), folded AS (
        UPDATE account SET available = available + sums.amount_minor, version = version + 1
        FROM sums WHERE id = sums.account_id
        RETURNING sums.taken
    )
    SELECT coalesce(sum(taken), 0)::bigint FROM folded
""",
        """
    UPDATE account SET available = available + sums.amount_minor, version = version + 1,
        metadata = jsonb_build_object('folded_to', sums.last)
    FROM (
        SELECT account_id, sum(amount_minor)::bigint AS amount_minor, max(posting_id::text) AS last
        FROM inbox JOIN account ON id = account_id
        WHERE account_id = ANY (p_account_ids) AND posting_id::text > coalesce(metadata ->> 'folded_to', '')
        GROUP BY account_id
    ) AS sums WHERE id = sums.account_id;
    WITH taken AS (
        DELETE FROM inbox USING account WHERE id = account_id AND account_id = ANY (p_account_ids)
            AND posting_id::text <= metadata ->> 'folded_to'
        RETURNING amount_minor
    )
    SELECT count(*) FROM taken
""",
        SIDE_BY_SIDE,
        "test_what_commits_after_a_later_posting_was_folded_is_folded_too",
    ),
    Breakage(
        "each refund is rounded for itself",
        "domain/refund_shares.py",
        """
        coupon_minor=_share(paid, paid.coupon_minor, given.coupon_minor, refunded_minor=refunded_minor),
        fee_minor=_share(paid, paid.fee_minor, given.fee_minor, refunded_minor=refunded_minor),
""",
        """
        coupon_minor=_due(paid, paid.coupon_minor, amount_minor),
        fee_minor=_due(paid, paid.fee_minor, amount_minor),
""",
        SHARES,
        "test_three_refunds_of_a_third_give_every_part_back",
    ),
)
