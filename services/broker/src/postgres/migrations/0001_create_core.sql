-- Why: the whole core in one step: tenants and clients, providers, connections with their lease, consent attempts, audit.
-- Every table that grows with connections has the tenant and the connection in its key, so that it can be distributed by them.

create table tenants (
  id text primary key,
  name text not null,
  created_at timestamptz not null default now()
);
-- where keys from the environment belong
insert into tenants (id, name) values ('default', 'default');

create table clients (
  id text not null,
  tenant_id text not null references tenants (id),
  name text not null,
  roles text[] not null,
  may_read_refresh_tokens boolean not null default false,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  primary key (tenant_id, id),
  constraint clients_roles_known check (roles <@ array['agent', 'admin', 'gateway'] and cardinality(roles) > 0)
);
create unique index clients_name on clients (tenant_id, name) where revoked_at is null;

create table client_keys (
  key_id text primary key,
  tenant_id text not null,
  client_id text not null,
  secret_digest bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  foreign key (tenant_id, client_id) references clients (tenant_id, id),
  constraint client_keys_digest_sha256 check (octet_length(secret_digest) = 32)
);
create index client_keys_client on client_keys (tenant_id, client_id);

create table provider_profiles (
  id uuid primary key,
  name text not null,
  auth_type text not null,
  profile jsonb not null,
  -- what agents get with static credentials; kept beside the profile because the hot read needs only this of it
  strategy jsonb not null,
  sealed_secrets bytea,
  version bigint not null default 1,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create unique index provider_profiles_name on provider_profiles (name) where deleted_at is null;
create index provider_profiles_listing on provider_profiles (created_at desc, id desc) where deleted_at is null;

create table connections (
  tenant_id text not null references tenants (id),
  id text not null,
  workspace_id text not null,
  provider_id uuid not null references provider_profiles (id),
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  -- what it is
  status text not null default 'pending',
  reason text,
  consent_expires_at timestamptz,
  requested_scopes text[] not null default '{}',
  granted_scope text,
  account_issuer text,
  account_subject text,
  account_label text,
  variables jsonb not null default '{}',
  -- the client and the token endpoint's origin the grant was made with: a refresh goes nowhere else
  granted_to_client_id text,
  granted_at_origin text,

  -- what it holds: sealed under (tenant, connection, 'credentials', version)
  sealed_credentials bytea,
  version bigint not null default 0,
  -- the fence they were stored under: an orphan of a lower one is a superseded generation
  credentials_fence bigint not null default 0,
  expires_at timestamptz,
  last_refreshed_at timestamptz,

  -- who may refresh it now (docs/decisions/0003-lease-and-fence.md)
  fence bigint not null default 0,
  lease_owner bigint,
  lease_until timestamptz,
  lease_incarnation timestamptz,
  suspect_since timestamptz,
  attempt_state text not null default 'idle',
  attempt_started_at timestamptz,
  attempt_fingerprint bytea,
  backoff_until timestamptz,
  fail_count integer not null default 0,
  last_error text,

  primary key (tenant_id, id),
  constraint connections_status_known check (status in ('pending', 'active', 'attention', 'failed', 'revoked')),
  constraint connections_attempt_known check (attempt_state in ('idle', 'sent', 'in_doubt', 'captured')),
  constraint connections_active_holds check (status <> 'active' or sealed_credentials is not null)
) with (fillfactor = 70);
create index connections_workspace on connections (tenant_id, workspace_id, provider_id);
create index connections_provider on connections (provider_id) where status in ('pending', 'active', 'attention');
create index connections_pending on connections (consent_expires_at) where status = 'pending';

create table authorization_requests (
  tenant_id text not null,
  id text not null,
  connection_id text not null,
  provider_id uuid not null references provider_profiles (id),
  workspace_id text not null,
  purpose text not null,
  binding text not null,
  scopes text[] not null,
  return_url text not null,
  variables jsonb,
  snapshot jsonb,
  -- {codeVerifier, nonce} sealed under (tenant, request, 'flow_secrets', 0); removed by the claim
  sealed_secrets bytea,
  browser_digest text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  claimed_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id) on delete cascade,
  constraint authorization_requests_purpose_known check (purpose in ('authorization', 'capture')),
  constraint authorization_requests_binding_known check (binding in ('browser', 'none'))
);
create index authorization_requests_id on authorization_requests (id);
create index authorization_requests_connection on authorization_requests (tenant_id, connection_id);
create index authorization_requests_expiry on authorization_requests (expires_at);

-- answers that came back under a fence that had moved on: never dropped, adopted when they turn out to be the newest
create table credential_orphans (
  tenant_id text not null,
  connection_id text not null,
  fence bigint not null,
  -- sealed under (tenant, connection, 'orphan', fence)
  sealed_credentials bytea not null,
  expires_at timestamptz,
  created_at timestamptz not null default now(),
  adopted_at timestamptz,
  primary key (tenant_id, connection_id, fence),
  foreign key (tenant_id, connection_id) references connections (tenant_id, id) on delete cascade
);

create table idempotency_keys (
  tenant_id text not null,
  client_id text not null,
  key_digest bytea not null,
  request_digest bytea not null,
  -- who runs the work now, while there is no answer; sealed under (tenant, client/key digest hex, 'idempotent_answer', 0)
  reserved_by uuid not null,
  sealed_answer bytea,
  created_at timestamptz not null default now(),
  primary key (tenant_id, client_id, key_digest)
);
create index idempotency_keys_age on idempotency_keys (created_at);

-- no foreign key to connections: a probe of an unknown id must be recorded too
create table audit_events (
  id bigint generated always as identity primary key,
  created_at timestamptz not null default now(),
  tenant_id text,
  connection_id text,
  event_type text not null,
  event_data jsonb not null default '{}',
  client_id text,
  key_id text,
  request_id text,
  ip_address inet,
  user_agent text
);
create index audit_events_tenant on audit_events (tenant_id, id desc);
create index audit_events_connection on audit_events (tenant_id, connection_id, id desc);
create index audit_events_type on audit_events (event_type, id desc);
create index audit_events_created on audit_events (created_at);

-- one sealed constant per encryption key in use: a start with a wrong key is refused instead of breaking every connection
create table vault_canaries (
  key_id text primary key,
  envelope bytea not null,
  created_at timestamptz not null default now()
);
