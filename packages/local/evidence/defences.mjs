// Owns the list of security defences and how each is taken out: `from` is replaced by `to` in `file`, and `tests` must notice.
// `npm run defences` does it, in a copy of the tree; a test holds every `from` against its file.

const broker = (path) => `services/broker/src/${path}`
const tests = (...paths) => paths.map((path) => `services/broker/test/${path}.test.ts`)

/** [{ name, file, from, to, tests }] */
export const defences = [
  // the state and the callback
  { name: 'the MAC of a state', file: broker('domain/signed-state.ts'), from: 'isCanonical && isOurs ?', to: 'isCanonical ?', tests: tests('domain/signed-state') },
  { name: 'one spelling of a state', file: broker('domain/signed-state.ts'), from: 'isCanonical && isOurs ?', to: 'isOurs ?', tests: tests('domain/signed-state') },
  { name: 'the purpose of a state', file: broker('domain/signed-state.ts'), from: 'state.purpose !== purpose || ', to: '', tests: tests('domain/signed-state') },
  { name: 'the age of a state', file: broker('domain/signed-state.ts'), from: ' && nowMs - issuedAtMs <= stateLifetimeMs', to: '', tests: tests('domain/signed-state') },
  { name: 'parameters once', file: broker('domain/authorization-response.ts'), from: `if (typeof value !== 'string' || value.length > maxParameterLength)`, to: 'if (false)', tests: tests('http/callback') },
  { name: 'iss compared', file: broker('domain/authorization-response.ts'), from: ' || response.issuer === recorded.issuer', to: ' || true', tests: tests('attacks/flow-integrity', 'conformance/fapi2') },
  { name: 'iss demanded where promised', file: broker('domain/authorization-response.ts'), from: 'return !recorded.sendsIssuer', to: 'return true', tests: tests('conformance/fapi2') },
  { name: 'iss before an error is believed', file: broker('flows/finish-connection.ts'), from: 'if (!isTrusted && callback.response.error !== undefined)', to: 'if (false)', tests: tests('attacks/flow-integrity') },
  { name: 'the browser of the link', file: broker('flows/recognise-callback.ts'), from: `request.binding === 'browser' && !callback.isSameBrowser(request)`, to: 'false', tests: tests('http/callback') },
  { name: 'the cookie name inside its digest', file: broker('http/browser-binding.ts'), from: 'update(`${name}=${value}`)', to: 'update(value)', tests: tests('http/capture/connect-page') },
  { name: 'one claim', file: broker('postgres/authorization-request-store.ts'), from: 'r.id = held.id and not held.is_used and', to: 'r.id = held.id and', tests: tests('attacks/flow-integrity', 'http/callback', 'postgres/authorization-request-store') },
  { name: 'expiry by the database’s clock', file: broker('postgres/authorization-request-store.ts'), from: ' and not held.is_expired\n', to: '\n', tests: tests('attacks/flow-integrity', 'postgres/authorization-request-store') },
  { name: 'the form’s token', file: broker('http/csrf-token.ts'), from: 'given.length === expected.length && timingSafeEqual(given, expected)', to: 'true', tests: tests('http/capture/connect-page') },

  { name: 'the code of a completion', file: broker('postgres/activate-connection.ts'), from: 'else r.connect_code_digest = ${codeDigest} and', to: 'else', tests: tests('postgres/completion-store') },
  { name: 'the minute of a completion', file: broker('postgres/activate-connection.ts'), from: ' and r.connect_code_expires_at > now() end', to: ' end', tests: tests('postgres/completion-store') },

  // where people are sent
  { name: 'no user name in a return URL', file: broker('domain/return-url.ts'), from: `if (url.username !== '' || url.password !== '')`, to: 'if (false)', tests: tests('attacks/redirect-safety') },
  { name: 'no characters that parsers drop', file: broker('domain/return-url.ts'), from: '|| forbiddenCharacters.test(raw) ', to: '', tests: tests('attacks/redirect-safety') },
  { name: 'whole labels below a wildcard', file: broker('domain/return-url.ts'), from: 'host.endsWith(`.${rule.host}`)', to: 'host.endsWith(rule.host)', tests: tests('attacks/redirect-safety') },
  { name: 'no empty label', file: broker('domain/return-url.ts'), from: ' && !hasEmptyLabel', to: '', tests: tests('attacks/redirect-safety') },
  { name: 'the port of a return URL', file: broker('domain/return-url.ts'), from: `(rule.port === '*' || rule.port === url.port)`, to: 'true', tests: tests('attacks/redirect-safety') },
  { name: 'the allowlist again before the redirect', file: broker('flows/finish-connection.ts'), from: 'checkReturnUrl(request.returnUrl, settings.returnUrlRules)', to: 'request.returnUrl', tests: tests('attacks/redirect-safety') },
  { name: 'no Referer', file: 'packages/runtime/src/http/security-headers.ts', from: `response.setHeader('Referrer-Policy', 'no-referrer')`, to: '', tests: tests('attacks/redirect-safety') },

  // id_tokens and keys
  { name: 'the issuer of an id_token', file: broker('oauth/id-token-claims.ts'), from: 'if (claims.iss !== issuer)', to: 'if (false)', tests: tests('conformance/basic-plan') },
  { name: 'no foreign second audience', file: broker('oauth/id-token-claims.ts'), from: 'audience !== clientId) && azp === undefined)', to: 'audience !== clientId) && false)', tests: tests('conformance/fapi2') },
  { name: 'the audience of an id_token', file: broker('oauth/id-token-claims.ts'), from: 'if (!audiences.includes(clientId))', to: 'if (false)', tests: tests('oauth/id-token-claims') },
  { name: 'the algorithms of id_tokens', file: broker('oauth/signed-jwt.ts'), from: 'if (!allowedAlgs.includes(alg))', to: 'if (false)', tests: tests('oauth/id-token') },
  { name: 'no critical extension', file: broker('oauth/signed-jwt.ts'), from: '  crit: z.undefined().optional(),\n', to: '', tests: tests('oauth/id-token') },
  { name: 'the nonce', file: broker('oauth/id-token-claims.ts'), from: 'if (isCompared && claims.nonce !== nonce.value)', to: 'if (false)', tests: tests('conformance/basic-plan', 'attacks/flow-integrity') },
  { name: 'expiry of an id_token', file: broker('oauth/id-token-claims.ts'), from: 'if (exp <= nowSeconds - toleranceSeconds)', to: 'if (false)', tests: tests('conformance/fapi2') },
  { name: 'a fresh login', file: broker('oauth/id-token-claims.ts'), from: 'iat < nowSeconds - maxLoginAgeSeconds', to: 'false', tests: tests('oauth/id-token', 'oauth/id-token-claims') },
  { name: 'the hash of the access token', file: broker('oauth/id-token-claims.ts'), from: 'given.length !== expected.length || !timingSafeEqual(given, expected)', to: 'false', tests: tests('oauth/id-token', 'oauth/id-token-claims') },
  { name: 'the size of an RSA key', file: broker('oauth/signing-key.ts'), from: 'bits >= minModulusBits && bits <= maxModulusBits && ', to: '', tests: tests('attacks/hostile-keys', 'oauth/key-sets') },
  { name: 'the exponent of an RSA key', file: broker('oauth/signing-key.ts'), from: ' && bitLength(key.e) >= 2', to: '', tests: tests('attacks/hostile-keys', 'oauth/key-sets') },
  { name: 'no private key among the published', file: broker('oauth/signing-key.ts'), from: 'd: z.undefined().optional(), k:', to: 'k:', tests: tests('attacks/hostile-keys', 'oauth/key-sets') },
  { name: 'a budget for fetching keys', file: broker('domain/token-bucket.ts'), from: 'if (level < 1) return false', to: '', tests: tests('attacks/hostile-keys', 'oauth/key-sets') },
  { name: 'the same account after a refresh', file: broker('flows/refresh-judge.ts'), from: 'account.issuer === row.account.issuer && account.subject === row.account.subject', to: 'true', tests: tests('conformance/refresh-plan') },

  // the broker's own calls
  { name: 'addresses judged', file: broker('oauth/address-rules.ts'), from: `if (address.range() !== 'unicast') return false`, to: '', tests: tests('oauth/outbound-targets') },
  { name: 'translated addresses unwrapped', file: broker('oauth/address-rules.ts'), from: `case 'rfc6052': // NAT64 64:ff9b::/96\n`, to: '', tests: tests('oauth/outbound-targets') },
  { name: 'answers capped while they come', file: broker('oauth/outbound-call.ts'), from: 'if (receivedBytes > capBytes)', to: 'if (false)', tests: tests('oauth/outbound-call') },
  { name: 'nothing decompressed', file: broker('oauth/outbound-call.ts'), from: `if (encoding.toLowerCase() !== 'identity')`, to: 'if (false)', tests: tests('oauth/outbound-call', 'oauth/token-answers') },
  { name: 'certificates verified', file: broker('oauth/kept-connections.ts'), from: 'rejectUnauthorized: true,', to: 'rejectUnauthorized: false,', tests: tests('oauth/outbound-call') },
  { name: 'no TLS session resumed', file: broker('oauth/kept-connections.ts'), from: 'maxCachedSessions: 0', to: 'maxCachedSessions: 100', tests: tests('oauth/kept-connections') },
  { name: 'a kept connection for judged addresses alone', file: broker('oauth/kept-connections.ts'), from: '(connection) => connection.key === key', to: '(connection) => connection.origin === url.origin', tests: tests('oauth/kept-connections') },
  { name: 'a request begun once', file: broker('oauth/outbound-call.ts'), from: 'if (isStarted) {', to: 'if (false) {', tests: tests('oauth/kept-connections') },
  { name: 'tokens that no header can hold', file: broker('flows/verify-grant.ts'), from: 'if (!isHeaderSafe(credentials.accessToken))', to: 'if (false)', tests: tests('attacks/hostile-login') },

  // what is stored
  { name: 'the tag of a ciphertext', file: broker('vault/vault.ts'), from: 'Buffer.concat([decipher.update(body), decipher.final()])', to: 'decipher.update(body)', tests: tests('vault/vault') },
  { name: 'the version in a ciphertext', file: broker('vault/vault.ts'), from: 'recordId, field, String(version)])', to: 'recordId, field])', tests: tests('vault/vault', 'attacks/own-surface') },
  { name: 'the tenant of a token read', file: broker('postgres/connection-store.ts'), from: '  from connections c where c.tenant_id = $1 and c.id = $2`', to: `  from connections c where ($1::text is not null) and c.id = $2\``, tests: tests('postgres/connection-store', 'http/token', 'http/lifecycle/listing') },
  { name: 'the seal waits for writers', file: broker('postgres/audit-segment-store.ts'), from: '(await waitForWriters()) ? row.up_to : undefined', to: 'row.up_to', tests: tests('postgres/audit-segments') },
  { name: 'the chain of the audit', file: broker('flows/verify-audit.ts'), from: 'computed.digest === digest', to: 'true', tests: tests('postgres/audit-segments') },

  // who calls
  { name: 'the secret of a key', file: broker('flows/authenticate-caller.ts'), from: 'if (!isSecretRight || !isLive)', to: 'if (!isLive)', tests: tests('http/guard') },
  { name: 'revoked and expired keys', file: broker('flows/authenticate-caller.ts'), from: 'if (!isSecretRight || !isLive)', to: 'if (!isSecretRight)', tests: tests('http/guard') },
  { name: 'only a gateway speaks for others', file: broker('flows/authenticate-caller.ts'), from: `if (peer.roles.includes('gateway'))`, to: 'if (true)', tests: tests('http/guard') },

  { name: 'no address lent by a proxy that hides its callers', file: 'packages/runtime/src/http/client-address.ts', from: `isIP(address) === 0 ? '' :`, to: `isIP(address) === 0 ? '127.0.0.1' :`, tests: tests('http/guard') },
  { name: 'the right-most hop', file: 'packages/runtime/src/http/client-address.ts', from: 'hops.pop()', to: 'hops.shift()', tests: tests('http/guard') },

  // what is said
  { name: 'messages of foreign errors withheld', file: 'packages/runtime/src/logger.ts', from: `isOurs ? error.message : '(message withheld)'`, to: 'error.message', tests: ['packages/runtime/test/logger.test.ts'] },
  { name: 'route patterns instead of paths', file: 'packages/runtime/src/http/request-id.ts', from: `: 'unmatched'\n}`, to: ': request.path\n}', tests: tests('attacks/own-surface') },
  { name: 'an error code of a short alphabet', file: broker('oauth/token-wire.ts'), from: '/^[a-z0-9_.-]{1,64}$/.test(code) ? code : undefined', to: 'code', tests: tests('attacks/own-surface', 'oauth/token-answers') },
  { name: 'the end of a token’s life in bounds', file: broker('domain/token-answer.ts'), from: 'Math.min(Math.max(Math.floor(number), 0), tenYearsSeconds)', to: 'number', tests: tests('domain/token-answer') },
] // prettier-ignore
