import { describe, expect, it } from 'vitest'
import { ContainerError, type RuntimeAnswer } from '../../src/container/container.ts'
import { creationOutcome, initOutcome, keepsContainer, runOutcome } from '../../src/engine/outcome.ts'

const limits = { timeoutMs: 1000, maxResponseBytes: 1_048_576 }
const at = { startedAt: 0, endedAt: 0 }
const said = (status: number, body: string): RuntimeAnswer => ({ type: 'response', ...at, status, body })
const cut = (status: number): RuntimeAnswer => ({
  ...at,
  type: 'response',
  status,
  body: 'xx',
  truncatedFrom: 2_000_000,
})
const broken = (outOfMemory = false): RuntimeAnswer => ({
  type: 'connectionError',
  ...at,
  outOfMemory,
  beforeResponse: true,
  detail: '',
})
const late: RuntimeAnswer = { type: 'timeout', ...at }
const TOO_LONG =
  'The action produced a response that exceeded the allowed length: 2000000 > 1048576 bytes. The truncated response was: xx'

describe('initOutcome', () => {
  it('is undefined when /init answers 200', () => {
    expect(initOutcome(said(200, '{"OK":true}'), 5, limits)).toBeUndefined()
  })

  it('is undefined for a 200 that came late', () => {
    expect(initOutcome(said(200, ''), 5000, limits)).toBeUndefined()
  })

  it.each<[string, RuntimeAnswer, number, unknown, number | undefined, boolean]>([
    [
      'no answer in time',
      late,
      1000,
      'The action exceeded its time limits of 1000 milliseconds during initialization.',
      undefined,
      true,
    ],
    [
      'an error as late as the limit',
      said(502, '{"error":"x"}'),
      1000,
      'The action exceeded its time limits of 1000 milliseconds during initialization.',
      undefined,
      true,
    ],
    [
      'a break as late as the limit',
      broken(),
      1001,
      'The action exceeded its time limits of 1000 milliseconds during initialization.',
      undefined,
      true,
    ],
    ['an answer that is too long', cut(502), 5, TOO_LONG, 2_000_000, false],
    ['an answer that is too long with 200', cut(200), 5, TOO_LONG, 2_000_000, false],
    ['an error', said(502, '{"error":{"a":1}}'), 5, { a: 1 }, 17, false],
    ['an error that is null', said(403, '{"error":null,"b":2}'), 5, null, 20, false],
    ['another body', said(500, 'bad'), 5, 'The action failed during initialization: bad', 3, false],
    ['an empty body', said(500, ''), 5, 'The action failed during initialization.', 0, false],
    [
      'a 503',
      said(503, '{"error":"x"}'),
      5,
      'The action did not initialize and exited unexpectedly.',
      undefined,
      false,
    ],
    ['a 503 that is too long', cut(503), 5, TOO_LONG, 2_000_000, false],
    ['a broken connection', broken(), 5, 'The action did not initialize and exited unexpectedly.', undefined, false],
    ['exhausted memory', broken(true), 5, 'The action exhausted its memory and was aborted.', undefined, false],
  ])('is a developer error for %s', (_, answer, duration, error, size, timedOut) => {
    const expected = { statusCode: 2, result: { error }, ...(size === undefined ? {} : { size }) }
    expect(initOutcome(answer, duration, limits)).toEqual({ response: expected, timedOut })
  })
})

describe('runOutcome', () => {
  it.each<[string, RuntimeAnswer, number, 0 | 1 | 2 | 3, unknown, number | undefined]>([
    ['an object', said(200, '{"a":1}'), 5, 0, { a: 1 }, 7],
    ['an object with a newline behind it', said(200, '{"a":1}\n'), 5, 0, { a: 1 }, 8],
    ['an array', said(200, '[1,{"error":2}]'), 5, 0, [1, { error: 2 }], 15],
    ['characters beyond ASCII, counted in UTF-16', said(200, '{"a":"💥"}'), 5, 0, { a: '💥' }, 10],
    ['an error, dropping the rest', said(200, '{"a":1,"error":"x"}'), 5, 1, { error: 'x' }, 19],
    ['an error that is false', said(200, '{"error":false}'), 5, 1, { error: false }, 15],
    ['an error with another status', said(502, '{"error":"x","a":1}'), 5, 2, { error: 'x' }, 19],
    [
      'an object with another status',
      said(502, '{"a":1}'),
      5,
      2,
      { error: 'The action did not produce a valid JSON or JSON Array response: {"a":1}' },
      7,
    ],
    [
      'null',
      said(200, 'null'),
      5,
      2,
      { error: 'The action did not produce a valid JSON or JSON Array response: null' },
      4,
    ],
    [
      'a number',
      said(200, '3'),
      5,
      2,
      { error: 'The action did not produce a valid JSON or JSON Array response: 3' },
      1,
    ],
    [
      'what is no JSON',
      said(200, 'oops'),
      5,
      2,
      { error: 'The action did not produce a valid JSON or JSON Array response: oops' },
      4,
    ],
    [
      'an empty body',
      said(200, ''),
      5,
      2,
      { error: 'The action did not produce a valid JSON or JSON Array response.' },
      0,
    ],
    ['an answer that is too long', cut(200), 5, 1, { error: TOO_LONG }, 2_000_000],
    [
      'a 503',
      said(503, '{"error":"x"}'),
      5,
      2,
      { error: 'The action did not produce a valid response and exited unexpectedly.' },
      undefined,
    ],
    [
      'no answer in time',
      late,
      1000,
      2,
      { error: 'The action exceeded its time limits of 1000 milliseconds.' },
      undefined,
    ],
    [
      'a success as late as the limit',
      said(200, '{}'),
      1000,
      2,
      { error: 'The action exceeded its time limits of 1000 milliseconds.' },
      undefined,
    ],
    [
      'a broken connection',
      broken(),
      5,
      2,
      { error: 'The action did not produce a valid response and exited unexpectedly.' },
      undefined,
    ],
    ['exhausted memory', broken(true), 5, 2, { error: 'The action exhausted its memory and was aborted.' }, undefined],
  ])('understands %s', (_, answer, duration, statusCode, result, size) => {
    const expected = { statusCode, result, ...(size === undefined ? {} : { size }) }
    const outcome = runOutcome(answer, duration, limits)
    expect(outcome.response).toEqual(expected)
    expect(outcome.timedOut).toBe(duration >= limits.timeoutMs)
  })
})

describe('creationOutcome', () => {
  it.each<[ContainerError['reason'], boolean, number, string]>([
    ['pull', true, 2, "Failed to pull container image 'me/img'."],
    ['pull', false, 3, 'Failed to provision resources to run the action.'],
    ['command', true, 2, 'executable file not found in image me/img'],
    ['provision', true, 3, 'Failed to provision resources to run the action.'],
    ['provision', false, 3, 'Failed to provision resources to run the action.'],
  ])('tells a failure to %s, of an image of the user: %s', (reason, userImage, statusCode, error) => {
    const response = creationOutcome(new ContainerError(reason, 'why'), 'me/img', userImage)
    expect(response).toEqual({ statusCode, result: { error } })
  })
})

describe('keepsContainer', () => {
  it.each([
    [0, true],
    [1, true],
    [2, false],
    [3, false],
  ] as const)('after status %s is %s', (statusCode, kept) => {
    expect(keepsContainer({ statusCode })).toBe(kept)
  })
})
