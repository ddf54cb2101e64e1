import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto'

// Owns a throw-away TLS certificate, so that no private key lies in the repository. DER is written by hand: X.690 and
// RFC 5280 section 4.1, just enough for one self-signed certificate.

const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const integer = (value: number): Buffer => der(0x02, Buffer.from([value]))
const utcTime = (date: Date): Buffer =>
  der(0x17, Buffer.from(`${date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`))

const day = 86_400_000

/** A self-signed certificate for `hostname`, valid from yesterday until `validForDays` from now (negative: expired). */
export function testCertificate(hostname: string, validForDays = 1): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(hostname)))))
  const now = Date.now()
  const validity = sequence(utcTime(new Date(now - 10 * day)), utcTime(new Date(now + validForDays * day)))
  const alternativeName = sequence(oid('551d11'), der(0x04, sequence(der(0x82, Buffer.from(hostname)))))
  const basicConstraints = sequence(oid('551d13'), der(0x04, sequence(der(0x01, Buffer.from([255])))))
  const body = sequence(
    der(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(alternativeName, basicConstraints)),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey))
  const cert = new X509Certificate(sequence(body, ecdsaWithSha256, signature)).toString()
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert }
}
