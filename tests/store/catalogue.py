"""What a database is made of, as PostgreSQL itself describes it: one line for each thing that can differ."""

import asyncpg

#: A partition is what its table is, and which of them there are depends on the day: `partition_add` makes them alike.
_OURS = "c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'alembic%' AND NOT c.relispartition"

#: Each query answers lines of text; order of columns and of creation is left out.
QUERIES = {
    "columns": """
        SELECT concat_ws(' ', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
            pg_get_expr(d.adbin, d.adrelid))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE (ours) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped""",
    "relations": """
        SELECT concat_ws(' ', c.relname, c.relkind, c.reloptions::text, c.relrowsecurity, pg_get_userbyid(c.relowner))
        FROM pg_class c WHERE (ours)""",
    "constraints": """
        SELECT concat_ws(' ', c.relname, k.conname, pg_get_constraintdef(k.oid))
        FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid WHERE (ours)""",
    "indexes": """
        SELECT pg_get_indexdef(i.indexrelid) FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid WHERE (ours)""",
    "partition keys": "SELECT concat_ws(' ', c.relname, pg_get_partkeydef(c.oid)) FROM pg_class c WHERE (ours)",
    "triggers": """
        SELECT pg_get_triggerdef(t.oid) FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
        WHERE (ours) AND NOT t.tgisinternal""",
    "functions": """
        SELECT pg_get_userbyid(proowner) || ' ' || pg_get_functiondef(oid)
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "grants on relations": """
        SELECT concat_ws(' ', c.relname, grantee::regrole, privilege_type, is_grantable)
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) WHERE (ours)""",
    "grants on functions": """
        SELECT concat_ws(' ', p.oid::regprocedure, grantee::regrole, privilege_type, is_grantable)
        FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
        WHERE p.pronamespace = 'public'::regnamespace""",
    "grants on the schema": """
        SELECT concat_ws(' ', grantee::regrole, privilege_type)
        FROM pg_namespace n, aclexplode(n.nspacl) WHERE n.nspname = 'public'""",
    "chart": "SELECT to_jsonb(r)::text FROM ledger_chart r",
}


async def describe(connection: asyncpg.Connection, kind: str) -> set[str]:
    """Every line of that kind."""
    return {row[0] for row in await connection.fetch(QUERIES[kind].replace("(ours)", _OURS))}
