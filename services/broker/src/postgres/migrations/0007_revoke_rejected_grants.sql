-- Why: what a consent brought and was not taken is a live grant at the provider: it is revoked there, then shredded.

alter table authorization_requests
  -- when the captured grant is to be revoked; a capture that nobody judges comes up by itself
  add column revoke_after timestamptz,
  add column revoke_attempts integer not null default 0;

create index authorization_requests_rejected on authorization_requests (revoke_after) where revoke_after is not null;
