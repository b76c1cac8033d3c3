-- What is used of a day's limit is the sum of the amounts that took it and were not given back.
SELECT merchant_id, operation, currency, account_id, day, d.used_minor, u.used_minor AS uses_minor
FROM limit_day d
FULL JOIN (
    SELECT merchant_id, operation, currency, account_id, day, max(greatest(used_at, given_back_at)) AS changed_at,
        sum(amount_minor) FILTER (WHERE given_back_at IS NULL) AS used_minor
    FROM limit_use GROUP BY merchant_id, operation, currency, account_id, day
) AS u USING (merchant_id, operation, currency, account_id, day)
WHERE coalesce(u.changed_at, day + 1) >= CAST(:since AS timestamptz)
    AND coalesce(d.used_minor, 0) <> coalesce(u.used_minor, 0)
