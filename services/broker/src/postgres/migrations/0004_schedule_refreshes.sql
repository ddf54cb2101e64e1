-- Why: tokens are refreshed before they end instead of while an agent waits, and idle grants before the provider drops them.

alter table connections
  -- sampled, at most once in five minutes: reads do not write
  add column last_used_at timestamptz,
  -- overrides the provider's policy: domain/refresh-schedule.ts
  add column refresh_schedule text,
  -- null = not decided yet; infinity = decided: never
  add column next_refresh_at timestamptz,
  add constraint connections_refresh_schedule_known
    check (refresh_schedule in ('on_demand', 'proactive', 'keep_alive'));

-- the provider is in it so that rows of a provider that cannot keep up are passed over without a look at the table
create index connections_due on connections (next_refresh_at) include (provider_id) where status = 'active';
