-- Every posting sums to zero per currency.
SELECT posting_id, currency, sum(amount_minor) AS sum_minor
FROM entry GROUP BY posting_id, currency HAVING sum(amount_minor) <> 0
