import { expect, test } from '@jest/globals'
import { CookieJar } from '../src/browser/cookie-jar.js'
import { parseForms } from '../src/browser/forms.js'

const at = (url: string) => new URL(url)

test.each([
  ['goes back to where it came from', 'a=1; Path=/', 'http://localhost:1/x', 'a=1'],
  ['is shared by all ports of a host (RFC 6265 §8.5)', 'a=1; Path=/', 'http://localhost:2/', 'a=1'],
  ['stays below its path', 'a=1; Path=/auth', 'http://localhost:1/authorize', undefined],
  ['without a path belongs to the directory it came from', 'a=1', 'http://localhost:1/', undefined],
  ['does not go to another host', 'a=1; Path=/', 'http://example.test/', undefined],
  ['for somebody else is not accepted', 'a=1; Path=/; Domain=example.test', 'http://example.test/', undefined],
  ['is removed by Max-Age=0', 'old=; Path=/; Max-Age=0', 'http://localhost:1/', undefined],
  ['keeps an equals sign in its value', 'a=b=c; Path=/', 'http://localhost:1/', 'a=b=c'],
])('a cookie %s', (_claim, setCookie, url, sent) => {
  const jar = new CookieJar()
  if (setCookie.startsWith('old=')) jar.store(at('http://localhost:1/deep/page'), ['old=1; Path=/'])
  jar.store(at('http://localhost:1/deep/page'), [setCookie])
  expect(jar.header(at(url))).toBe(sent)
})

test('a form is read with its hidden fields, its method and its action', () => {
  const html = `<form autocomplete="off" action="/go?a=1&amp;b=2" method="POST"><input type=hidden name=prompt value='login'/>
    <input required type="text" name="login"><input type="checkbox" name="unchecked"><button type="submit">Go</button></form>`
  expect(parseForms(html, 'http://localhost:1/page')).toEqual([
    { action: 'http://localhost:1/go?a=1&b=2', method: 'post', fields: { prompt: 'login', login: '' } },
  ])
})
