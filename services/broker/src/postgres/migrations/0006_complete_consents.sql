-- Why: a link can be sent on. A tenant may ask that its application confirms who came back before a grant is used (A5, A6), and
-- nobody may open consents without end (A16).

alter table tenants add column requires_completion boolean not null default false;

alter table authorization_requests
  -- S256 of a verifier that the application keeps; set = the callback holds the grant back until it is completed
  add column completion_challenge text,
  -- SHA-256 of the code the browser took to the application
  add column connect_code_digest bytea,
  add column connect_code_expires_at timestamptz,
  add constraint authorization_requests_code_sha256 check (octet_length(connect_code_digest) = 32);

-- counted at every new consent, up to the tenant's limit; closed and past ones are not looked at
create index authorization_requests_open on authorization_requests (tenant_id, expires_at) where claimed_at is null;
