-- No strict or deferred account is below its floor (0 or minus the credit limit).
SELECT id, available, floor FROM account WHERE class <> 'open' AND available < floor AND (
    created_at >= :since OR id IN (SELECT account_id FROM entry WHERE posting_id >= ledger_first_id(:since))
    OR id IN (SELECT account_id FROM hold WHERE state = 'held')
)
