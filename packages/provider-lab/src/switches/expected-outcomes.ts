import type { LabSwitch } from './catalogue.js'

/**
 * What a correct client makes of it. `active`: the connection works. `failed`: this login fails, nothing of it is used.
 * `no_change`: refused before anything changes. `retry`: nothing was processed, the same request may be sent again.
 * `in_doubt`: processed or not, the client cannot know; it retries where grace allows and loses no token it was given.
 * `attention`: the grant is over, a person has to connect again, and the client stops asking.
 */
export type Outcome = 'active' | 'failed' | 'no_change' | 'retry' | 'in_doubt' | 'attention' | 'misconfigured'

export type ExpectedOutcome = readonly [outcome: Outcome, because: string]

const noMetadata: ExpectedOutcome = ['failed', 'no metadata, or a cached copy; endpoints are never guessed']
const readWithinLimits: ExpectedOutcome = ['failed', 'a cap on size, depth and time; memory stays bounded']
const unreadable: ExpectedOutcome = ['in_doubt', 'the provider has processed it; the held refresh token is kept']
const lost: ExpectedOutcome = ['in_doubt', 'the rotation may be lost: retry inside grace, else ask the person again']
const ended: ExpectedOutcome = ['attention', 'the grant is over: at most one more call']
const claim: ExpectedOutcome = ['failed', 'OpenID Connect Core section 3.1.3.7: every claim is compared exactly']
const signature: ExpectedOutcome = ['failed', 'RFC 8725 section 3.1: only the agreed algorithms, always verified']
const badKey: ExpectedOutcome = ['failed', 'a key is judged before it is used: type, size, curve, count']
const noKeys: ExpectedOutcome = ['failed', 'nothing is trusted unverified; the next login tries again']
const identityChanged: ExpectedOutcome = [
  'attention',
  'OpenID Connect Core section 12.2: same iss, sub and aud, or unserved',
]
const refreshFlag: ExpectedOutcome = ['active', 'the provider profile knows; else the refresh is refused and kept']
const noUserinfo: ExpectedOutcome = ['failed', 'an identity that cannot be read is no identity']
const tolerant: ExpectedOutcome = ['active', 'odd and readable: the refresh token is kept in every case']
const lifetime: ExpectedOutcome = ['active', 'the lifetime is clamped, or the default where none can be read']
const unusable: ExpectedOutcome = ['failed', 'kept sealed, never sent as a header']
const oneMethod: ExpectedOutcome = ['active', 'the advertised method is used, Basic values form-encoded']

export const expectedOutcomes: Readonly<Record<LabSwitch, ExpectedOutcome>> = {
  'disc.issuer_suffix': ['failed', 'RFC 8414 section 3.3: the issuer is compared exactly; no authorization request'],
  'disc.issuer_trailing_slash': ['failed', 'RFC 8414 section 3.3: the issuer is compared exactly'],
  'disc.404': noMetadata,
  'disc.500': noMetadata,
  'disc.html': noMetadata,
  'disc.malformed': noMetadata,
  'disc.empty': noMetadata,
  'disc.redirect': ['failed', 'no redirect is followed: the attacker hears nothing'],
  'disc.private_ip_endpoints': ['failed', 'an address is judged before it is connected to'],
  'disc.rebinding_endpoints': [
    'failed',
    'every answer of the DNS is judged, and the socket is pinned to what was judged',
  ],
  'disc.endpoint_swap_after_start': ['active', 'a flow ends at the endpoints it began with'],
  'disc.no_pkce_methods': ['active', 'PKCE is sent anyway; a profile that requires it (MCP) refuses'],
  'disc.missing_endpoint': noMetadata,
  'disc.prototype_keys': ['active', 'unknown members are ignored, whatever their names'],
  'disc.huge': readWithinLimits,
  'disc.deep': readWithinLimits,
  'disc.slow': readWithinLimits,
  'disc.hang': readWithinLimits,

  'prm.resource_mismatch': ['failed', 'RFC 9728 section 3.3: resource is compared exactly'],
  'prm.no_authorization_servers': ['failed', 'nobody is asked for a token'],
  'prm.multiple': ['active', 'the trusted one is chosen; credentials are kept per issuer'],

  'authz.no_iss_though_promised': ['failed', 'RFC 9207 section 2.4: no token request'],
  'authz.wrong_iss': ['failed', 'RFC 9207 section 2.4: no token request'],
  'authz.iss_unadvertised_correct': ['active', 'RFC 9207 section 2.4: a right iss does no harm'],
  'authz.no_state': ['no_change', 'RFC 6749 section 10.12: no state, no login'],
  'authz.wrong_state': ['no_change', 'RFC 6749 section 10.12: a state of nobody'],
  'authz.state_truncated': ['no_change', 'RFC 6749 section 10.12: a state of nobody'],
  'authz.error': ['failed', 'the error is told in a fixed vocabulary'],
  'authz.error_wrong_iss': ['failed', 'not believed: its text is shown to nobody'],
  'authz.error_description_evil': ['failed', 'the description is never rendered, logged or passed on raw'],
  'authz.no_code': ['failed', 'neither code nor error: no token request'],
  'authz.code_from_other_client': ['failed', 'the token endpoint refuses it: invalid_grant'],
  'authz.form_post': ['no_change', 'only the response mode that was asked for is served'],
  'authz.fragment': ['no_change', 'the server sees neither code nor state'],

  'tok.redirect_307': ['failed', 'no redirect is followed: the attacker hears no secret'],
  'tok.reset_before_body': ['retry', 'a code is spent; a refresh may be sent again'],
  'tok.hang_unprocessed': ['in_doubt', "ends at the client's own deadline"],
  'tok.429': ['retry', 'after Retry-After, capped'],
  'tok.5xx': ['retry', 'the held refresh token is kept'],
  'tok.5xx_after_rotate': lost,
  'tok.reset_after_rotate': lost,
  'tok.reset_mid_body': lost,
  'tok.hang_headers': lost,
  'tok.hang_body': lost,
  'tok.drip_body': lost,
  'tok.huge': lost,
  'tok.gzip_bomb': lost,
  'tok.many_headers': lost,
  'tok.drip_headers': lost,
  'tok.endless_chunks': lost,
  'tok.garbage': lost,
  'tok.half_close': lost,
  'tok.cl_and_te': lost,
  'tok.huge_header': lost,

  'tok.tls_bad': ['failed', 'not one byte of the request is sent'],
  'tok.hang_connect': ['retry', 'ends at the connect deadline; not one byte was sent'],

  'tok.form_encoded': ['active', 'read by its content type'],
  'tok.form_unless_json_accepted': ['active', 'JSON is asked for, or the form is read'],
  'tok.text_plain': tolerant,
  'tok.200_error': ['failed', 'a 200 without access_token is no success'],
  'tok.error_echoes_token': ['failed', 'the text reaches no log and no person'],
  'tok.not_json': unreadable,
  'tok.truncated_json': unreadable,
  'tok.empty': unreadable,
  'tok.bom': tolerant,
  'tok.utf16': unreadable,
  'tok.nan': unreadable,
  'tok.duplicate_keys': ['failed', 'at_hash binds the access token; without id_token the last one counts, or none'],
  'tok.array': unreadable,
  'tok.deep_json': unreadable,
  'tok.prototype_keys': tolerant,
  'tok.no_token_type': ['active', 'by profile; the refresh token is kept in every case'],
  'tok.type_bot': ['active', 'by profile; the refresh token is kept in every case'],
  'tok.bEARER': ['active', 'RFC 6749 section 5.1: token_type is case-insensitive'],
  'tok.no_expires_in': lifetime,
  'tok.expires_in_string': lifetime,
  'tok.expires_in_float': lifetime,
  'tok.expires_in_negative': lifetime,
  'tok.expires_in_zero': lifetime,
  'tok.expires_in_huge': lifetime,
  'tok.expires_in_null': lifetime,
  'tok.expires_in_array': lifetime,
  'tok.missing_access_token': unreadable,
  'tok.scope_narrower': ['active', 'what was granted is stored and what is missing is told'],
  'tok.scope_wider': ['active', 'what was granted is stored, with a warning'],
  'tok.scope_array': tolerant,
  'tok.scope_missing': ['active', 'RFC 6749 section 5.1: as requested'],
  'tok.crlf_in_token': unusable,
  'tok.nul_in_token': unusable,
  'tok.64kb_token': unusable,
  'tok.non_ascii_token': unusable,

  'ca.basic_only': oneMethod,
  'ca.post_only': oneMethod,
  'ca.none_only': oneMethod,
  'ca.mtls_only': ['misconfigured', 'no secret is sent to who does not take one, or an alarm'],
  'ca.invalid_client': ['misconfigured', 'an alarm for the operator; no grant changes state'],

  'tok.no_refresh_token': ['active', 'RFC 6749 section 6: the held refresh token stays'],
  'tok.same_refresh_token': ['active', 'RFC 6749 section 6: the held refresh token stays'],
  'rt.rotate_strict': ['active', 'however many ask at once: exactly one call'],
  'rt.rotate_grace': ['active', 'a lost answer is asked for again inside the grace'],
  'rt.family_revoke_on_reuse': ['attention', 'only when the client repeats a spent token'],
  'rt.kills_old_at': ['active', 'readers learn of the new version; no early refresh'],
  'rt.revoked_by_user': ended,
  'rt.expired_idle': ended,
  'rt.403_invalid_grant': ended,
  'rt.aadsts': ended,
  'rt.invalid_rapt': ended,
  'rt.rate_10_per_10min': ['active', 'the client stays under the quota'],
  'rt.scope_required': refreshFlag,
  'rt.scope_forbidden': refreshFlag,
  'rt.redirect_uri_required': refreshFlag,

  'idt.iss+1': claim,
  'idt.aud+1': claim,
  'idt.nonce+1': claim,
  'idt.sub+1': ['active', 'a first login knows no other subject; userinfo must then agree with it'],
  'idt.missing_iss': claim,
  'idt.missing_sub': claim,
  'idt.missing_aud': claim,
  'idt.missing_exp': claim,
  'idt.missing_iat': claim,
  'idt.missing_nonce': claim,
  'idt.missing_though_openid': ['failed', 'where identity was asked for, it has to come'],
  'idt.aud_array': ['active', 'OpenID Connect Core section 2: aud may be an array'],
  'idt.aud_foreign_second': claim,
  'idt.azp_foreign': claim,
  'idt.expired': claim,
  'idt.clock_skew': ['failed', 'a minute of tolerance, not ten'],
  'idt.iat_week_old': ['failed', 'a fresh login has a fresh token'],
  'idt.at_hash_wrong': claim,
  'idt.alg_none': signature,
  'idt.alg_nOnE': signature,
  'idt.hs256_with_public_key': signature,
  'idt.alternate_alg': signature,
  'idt.crit': ['failed', 'RFC 7515 section 4.1.11'],
  'idt.b64_false': ['failed', 'RFC 7797 section 6'],
  'idt.jwe': signature,
  'idt.bad_sig': signature,
  'refresh_idt.iss+1': identityChanged,
  'refresh_idt.sub+1': identityChanged,
  'refresh_idt.aud+1': identityChanged,
  'refresh_idt.absent': ['active', 'OpenID Connect Core section 12.2: a refresh need not bring one'],

  'idt.kid_absent_single': ['active', 'one key: that one'],
  'idt.kid_absent_multiple': ['active', 'each fitting key is tried'],
  'idt.kid_unknown': ['failed', 'after one more look at the keys'],
  'idt.duplicate_kid': ['active', 'the key that fits by type and verifies'],
  'jwks.just_before_signing': ['active', 'after one more look at the keys'],
  'jwks.flood': ['failed', 'a handful of fetches a minute, however many tokens'],
  'jwks.many_keys': badKey,
  'jwks.oversized_key': badKey,
  'jwks.exponent_one': badKey,
  'jwks.off_curve': badKey,
  'jwks.private_key_inside': badKey,
  'jwks.oct_key': badKey,
  'jwks.500': noKeys,
  'jwks.html': noKeys,
  'jwks.empty': noKeys,
  'jwks.huge': noKeys,
  'jwks.redirect': ['failed', 'no redirect is followed: the attacker hears nothing'],
  'jwks.hang': noKeys,

  'ui.sub_mismatch': ['failed', 'OpenID Connect Core section 5.3.2: sub equals that of the id_token'],
  'ui.no_sub': ['failed', 'OpenID Connect Core section 5.3.2: sub is required'],
  'ui.signed': ['active', 'OpenID Connect Core section 5.3.2: verified like an id_token'],
  'ui.signed_bad': ['failed', 'OpenID Connect Core section 5.3.4'],
  'ui.signed_iss+1': ['failed', 'OpenID Connect Core section 5.3.2: iss is the issuer'],
  'ui.signed_aud+1': ['failed', 'OpenID Connect Core section 5.3.2: aud is this client'],
  'ui.401': noUserinfo,
  'ui.500': noUserinfo,
  'ui.html': noUserinfo,
  'ui.huge': noUserinfo,
  'ui.hang': noUserinfo,

  'par.refused': ['misconfigured', 'RFC 9126 section 2.3: nothing is sent in the open instead'],
  'par.5xx': ['retry', 'the person opens the link again'],
  'tok.dpop_nonce': ['active', 'RFC 9449 section 8: once more, with the nonce'],
  'tok.token_type_dpop_downgrade': ['failed', 'RFC 9449 section 5: an unbound token is not used'],
  'rs.dpop_nonce': ['active', 'RFC 9449 section 9: once more, with the nonce'],
  'rs.dpop_scheme_case': ['active', 'RFC 9110 section 11.1: schemes have no case'],

  'dcr.off': ['misconfigured', 'another way to become a client, or the operator is asked for one'],
  'dcr.invalid_client_metadata': ['misconfigured', 'told to the operator; not tried again unchanged'],
  'dcr.changed_secret': ['active', 'RFC 7592 section 2.1: the answer replaces what was held, at once'],
  'cimd.unsupported': ['active', 'registration instead, or the operator is asked for a client'],

  'rev.200_unknown': ['active', 'the client treats it as revoked'],
  'rev.503_retry_after': ['retry', 'after Retry-After, a bounded number of times'],
  'rev.400_unsupported_token_type': ['active', 'the access token instead, then what is held is shredded'],
  'rev.hang': ['retry', "ends at the client's own deadline"],

  'rs.401_invalid_token': ['retry', 'one refresh for everybody who saw it, then once more'],
  'rs.403_insufficient_scope': ['attention', 'RFC 6750 section 3.1: ask the person for more'],
  'rs.429': ['retry', 'after Retry-After'],
  'rs.5xx': ['retry', 'no refresh: the token is not at fault'],
}
