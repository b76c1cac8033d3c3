-- A sealed day has the postings, entries and balances that it was sealed with, and the digest of the day before.
SELECT s.day, s.postings, s.digest, s.sealed_at
FROM sealed_day s
WHERE s.day >= ledger_day(CAST(:since AS timestamptz))
    AND (s.day > (SELECT ledger_horizon_day()) AND s.digest <> ledger_day_digest(s.day, s.previous_digest)
        OR s.previous_digest IS DISTINCT FROM (
            SELECT before.digest FROM sealed_day AS before WHERE before.day < s.day ORDER BY before.day DESC LIMIT 1))
