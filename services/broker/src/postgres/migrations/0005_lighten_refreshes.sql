-- Why: PostgreSQL writes every index of a row anew when one indexed column changes. A refresh changed such columns four times;
-- now it does once, when it is known when the next one is due.

alter table connections
  -- a scheduler has it in hand until then: the due time stays as it is meanwhile
  add column claimed_until timestamptz,
  -- changes with death alone, unlike updated_at, on which an index would be written with every refresh
  add column dead_since timestamptz generated always as (
    case when status in ('attention', 'failed', 'revoked') and sealed_credentials is not null then updated_at end
  ) stored;

drop index connections_dead;
create index connections_dead on connections (dead_since) where dead_since is not null;
