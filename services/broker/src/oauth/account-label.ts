import * as z from 'zod'

const label = z.string().optional().catch(undefined)

/** The claims an account is called by; one of another type counts as absent. */
export const labelClaims = { email: label, preferred_username: label, name: label }

// No control, format (bidirectional) or unassigned characters: the label is shown to people.
const printable = /^[^\p{C}]{1,200}$/u

export const labelOf = ({
  email,
  preferred_username,
  name,
}: {
  [Claim in keyof typeof labelClaims]?: string | undefined
}): string | undefined =>
  [email, preferred_username, name]
    .map((each) => each?.trim())
    .find((each) => each !== undefined && printable.test(each))
