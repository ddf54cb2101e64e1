-- Why: a connection outlives its first consent: it is reconnected in place, asked for more scopes, listed and disconnected.

-- A consent may belong to a connection that already holds credentials. What it brought waits here, sealed under
-- (tenant, request, 'captured', 0), until it was judged; then one statement puts it into the connection.
alter table authorization_requests
  add column intent text not null default 'connect',
  add column allows_account_change boolean not null default false,
  add column sealed_captured bytea,
  add column finished_at timestamptz,
  add constraint authorization_requests_intent_known check (intent in ('connect', 'reconnect', 'step_up'));

alter table connections
  -- when the present grant was made and, where the provider tells, when its refresh token ends
  add column granted_at timestamptz,
  add column refresh_expires_at timestamptz,
  -- where the present grant can be revoked: an edited provider must not have tokens sent elsewhere
  add column revocation_url text,
  -- consents begun before this moment bring nothing back
  add column disconnected_at timestamptz,
  -- the next try at the provider, and how many there were
  add column revoke_after timestamptz,
  add column revoke_attempts integer not null default 0,
  -- what became of it: 'revoked', 'unsupported', 'not_needed', 'revocation_failed'
  add column revocation text;

update connections set granted_at = coalesce(last_refreshed_at, updated_at) where status in ('active', 'attention');

alter table connections drop constraint connections_status_known;
alter table connections add constraint connections_status_known
  check (status in ('pending', 'active', 'attention', 'failed', 'revoking', 'revoked'));

create index connections_listing on connections (tenant_id, created_at desc, id desc);
create index connections_listing_of_user on connections (tenant_id, workspace_id, created_at desc, id desc);
create index connections_revoking on connections (revoke_after) where status = 'revoking';
create index connections_account on connections (provider_id, account_subject)
  where status = 'active' and account_subject is not null;
