-- No strict or deferred account is below its floor (0 or minus the credit limit).
SELECT id, available, floor FROM account WHERE class <> 'open' AND available < floor
