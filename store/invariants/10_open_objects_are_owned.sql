-- Every object is ended, or on its way, or needs attention and has an owner.
SELECT id, biz_type, state, needs_attention, attention_owner, due_at
FROM saga_object
WHERE needs_attention AND coalesce(attention_owner, '') = '' AND updated_at >= CAST(:since AS timestamptz)
UNION ALL
SELECT id, biz_type, state, needs_attention, attention_owner, due_at
FROM saga_object
WHERE NOT ended AND NOT needs_attention AND due_at < now() - interval '1 day'
