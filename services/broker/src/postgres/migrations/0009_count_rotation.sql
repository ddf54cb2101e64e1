-- Why: an operator sees how many rows still need a key before it can leave the configuration.

alter table reseal_progress
  -- {key id: rows that it still seals}
  add column rows_left jsonb not null default '{}',
  -- a walk before the first, which only counts
  alter column pass set default 0;
