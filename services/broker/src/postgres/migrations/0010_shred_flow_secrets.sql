-- Why: the verifier and the nonce of a consent that nobody finished are of no use once it has expired, and need not be kept,
-- nor sealed anew with every change of the key, until the consent itself is removed.
create index authorization_requests_unspent on authorization_requests (expires_at) where sealed_secrets is not null;
