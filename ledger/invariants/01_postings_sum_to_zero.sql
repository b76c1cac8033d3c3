-- Every posting sums to zero per currency.
SELECT posting_id, currency, sum(amount_minor) AS sum_minor
FROM entry WHERE posting_id >= ledger_first_id(:since) GROUP BY posting_id, currency HAVING sum(amount_minor) <> 0
