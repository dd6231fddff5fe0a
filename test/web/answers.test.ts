import type { OutgoingHttpHeaders } from 'node:http'
import { beforeEach, describe, expect, test } from 'vitest'
import { answers, CORS, call, corsOf, headersOf, invoker, openWeb, overSocket, payload, put } from './harness.ts'

beforeEach(openWeb)

describe('OPTIONS and HEAD', () => {
  test('answers OPTIONS without running the action', async () => {
    put()
    const response = await call('guest/default/hello.json', {
      method: 'OPTIONS',
      headers: { 'access-control-request-headers': 'x-a,x-b' },
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
    expect(corsOf(response)).toEqual({ ...CORS, 'access-control-allow-headers': 'x-a, x-b' })
    expect(response.headers.has('content-type')).toBe(false)
    expect(invoker.invoked).toEqual([])
  })

  test('leaves an OPTIONS that accepts something else to the REST API', async () => {
    put()
    const response = await call('guest/default/hello.json', { method: 'OPTIONS', headers: { accept: 'text/html' } })
    expect(await response.text()).toBe('OK')
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, DELETE, POST, PUT, HEAD')
  })

  test.each(['*/*', '*', 'text/html, */*;q=0.8', 'foo', ''])('answers OPTIONS that accepts %j', async accept => {
    put()
    const response = await call('guest/default/hello.json', { method: 'OPTIONS', headers: { accept } })
    expect([await response.text(), corsOf(response)]).toEqual(['', CORS])
  })

  test('runs an action with web-custom-options, without CORS headers and without authentication', async () => {
    put({ 'web-custom-options': true, 'require-whisk-auth': true })
    answers({ headers: { 'Access-Control-Allow-Origin': 'http://mine.test' } })
    const response = await call('guest/default/hello', { method: 'OPTIONS' })
    expect(response.status).toBe(204)
    expect(corsOf(response)).toEqual({ 'access-control-allow-origin': 'http://mine.test' })
    expect(payload()).toMatchObject({ __ow_method: 'options' })
    const refused = await call('guest/default/hello')
    expect([refused.status, corsOf(refused)]).toEqual([401, {}])
  })

  test('answers HEAD with the headers of the body', async () => {
    put()
    answers({ body: 'żx' })
    const response = await call('guest/default/hello', { method: 'HEAD' })
    expect(await response.text()).toBe('')
    expect(headersOf(response)).toMatchObject({ 'content-length': '3', 'content-type': 'text/html; charset=UTF-8' })
    expect(payload()).toMatchObject({ __ow_method: 'head' })
  })
})

describe('answers', () => {
  test('are negotiated by all lines of Accept and Accept-Charset', async () => {
    put()
    answers({ text: 'é' })
    const negotiated = async (headers: OutgoingHttpHeaders) => {
      const answer = await overSocket('guest/default/hello.text', 'GET', headers)
      return [answer.statusCode, answer.headers['content-type']]
    }
    const utf8 = 'text/plain; charset=UTF-8'
    expect(await negotiated({ accept: ['text/xml', 'text/*'] })).toEqual([200, utf8])
    expect(await negotiated({ 'accept-charset': ['iso-8859-1', 'utf-8'] })).toEqual([200, utf8])
    const preflight = await overSocket('guest/default/hello.text', 'OPTIONS', { accept: ['text/xml', '*/*'] })
    expect(preflight.headers).toMatchObject(CORS)
  })

  test('keep cookies on lines of their own and drop what would break the message', async () => {
    put()
    answers({
      headers: { 'Set-Cookie': ['a=b', 'c=d'], 'x-a': 'ż|é', 'x-b': 'a\nb', 'b ad': 'x', date: 'x' },
      body: 'x',
    })
    const response = await call('guest/default/hello')
    expect(response.headers.getSetCookie()).toEqual(['a=b', 'c=d'])
    expect(response.headers.get('x-a')).toBe('||é')
    expect(response.headers.has('x-b')).toBe(false)
    expect(response.headers.has('date')).toBe(false)
  })

  test.each(['Trailer', 'X-Hono-Already-Sent', 'transfer-encoding'])('lose %s', async name => {
    put()
    answers({ headers: { [name]: 'true' }, body: 'x' })
    const response = await call('guest/default/hello')
    expect([response.status, await response.text(), response.headers.has(name)]).toEqual([200, 'x', false])
  })

  test('keep a type that holds characters beyond Latin-1, and refuse one with control characters', async () => {
    put()
    answers({ headers: { 'content-type': 'text/plain; x="aż"' }, body: 'x' })
    const response = await call('guest/default/hello')
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; x="a|"; charset=UTF-8'])
    answers({ headers: { 'content-type': 'text/plain; x="a\r\nSet-Cookie: a=b"' }, body: 'x' })
    const refused = await call('guest/default/hello')
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { error: 'Response did not specify a known content-type.' },
    ])
  })

  test('lose a body that the status forbids', async () => {
    put()
    answers({ statusCode: 204, headers: { 'x-a': '1' }, body: 'x' })
    const response = await call('guest/default/hello')
    expect([response.status, await response.text(), response.headers.get('x-a')]).toEqual([204, '', '1'])
    expect(response.headers.has('content-type')).toBe(false)
  })

  test('that the client does not take become 406, without CORS headers and activation id', async () => {
    put()
    answers({ body: 'x' })
    const response = await call('guest/default/hello', { headers: { accept: 'application/json' } })
    expect(response.status).toBe(406)
    expect(await response.json()).toMatchObject({
      error: 'Resource representation is only available with these types:\ntext/html; charset=UTF-8',
    })
    expect(corsOf(response)).toEqual({})
    expect(response.headers.has('x-openwhisk-activation-id')).toBe(false)
    expect(invoker.invoked).toHaveLength(1)
  })
})
