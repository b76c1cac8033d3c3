-- Every row of a partitioned table lies in the partition of its time: none is in a default partition, which takes what
-- no other one does.
SELECT table_name, rows FROM partition_strays() WHERE CAST(:since AS timestamptz) < 'infinity'
