/** The command line is wrong; the message says what would be right. */
export class UsageError extends Error {}

export const usage = `Usage: dromos-lab [options]              start a provider and its control API
       dromos-lab switches [--json]      every misbehaviour, and what a correct client makes of it
       dromos-lab presets [--json]       the providers that can be imitated

  --preset <name>          a real provider's ways, such as okta; hostile5 fails 5 % of each fault class
  --switch <name[=value]>  turn a misbehaviour on; may be given several times
  --hostile <0..1>         every fault class with this probability per request
  --seed <number>          the same seed misbehaves at the same requests; default 1
  --client-id <id>         default lab-client
  --client-secret <text>   default one made from the seed
  --redirect-uri <uri>     accept this one alone; may be given several times; default any
  --host <address>         default 127.0.0.1
  --port <number>          of the provider, default 9400; 0 takes any free one
  --control-port <number>  of the control API, default 9401; 0 takes any free one
  --dns <name=sets>        a DNS server that changes its mind: a.test=93.184.216.34/127.0.0.1,::1 answers the
                           first set, then the next, and around again; may be given several times
  --dns-port <number>      of that server, UDP, default 9402; 0 takes any free one
  --tls                    HTTPS with a certificate authority of this run; prints where its certificate is
  --quiet                  do not print a line for each request
  --version, --help
`
