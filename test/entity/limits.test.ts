import { describe, expect, it } from 'vitest'
import { parseJson } from '../../src/entity/json.ts'
import {
  actionLimitsJson,
  checkActionLimits,
  checkInstances,
  checkSize,
  decodeActionLimits,
  defaultLimits,
  limitsJson,
  mergeActionLimits,
  namespaceLimits,
  parseByteSize,
  standardActionLimits,
} from '../../src/entity/limits.ts'

const apache = defaultLimits('apache', 1024)
const MC = 'The request content was malformed:\n'

describe('system limits', () => {
  it('of preset off have no throttle and leave room for actions', () => {
    expect(defaultLimits('off', 2048)).toMatchObject({
      invocationsPerMinute: Number.POSITIVE_INFINITY,
      concurrentInvocations: Number.POSITIVE_INFINITY,
      firesPerMinute: Number.POSITIVE_INFINITY,
      maxActionMemory: 2048,
      maxActionTimeout: 3_600_000,
      maxActionLogs: 100,
      maxActionConcurrency: 500,
      sequenceMaxLength: 50,
    })
  })

  it('of preset apache are the reference’s', () => {
    expect(apache).toMatchObject({
      invocationsPerMinute: 60,
      concurrentInvocations: 30,
      firesPerMinute: 60,
      maxActionMemory: 512,
      maxActionTimeout: 300_000,
      maxActionLogs: 10,
      maxActionConcurrency: 1,
      maxPayload: 1_048_576,
      maxCode: 50_331_648,
    })
  })

  it('take the numbers of a choice over the preset’s, and not what it leaves undefined', () => {
    const limits = defaultLimits({ preset: 'apache', invocationsPerMinute: 7, maxPayload: undefined }, 1024)
    expect([limits.invocationsPerMinute, limits.maxPayload]).toEqual([7, 1_048_576])
  })

  it('keep the standard limits of actions within their ranges', () => {
    expect(standardActionLimits(apache)).toEqual({ timeout: 60_000, memory: 256, logs: 10, concurrency: 1 })
    expect(
      standardActionLimits(defaultLimits({ preset: 'apache', maxActionMemory: 128, maxActionLogs: 5 }, 0)),
    ).toEqual({
      timeout: 60_000,
      memory: 128,
      logs: 5,
      concurrency: 1,
    })
  })
})

describe('limits of a namespace', () => {
  it('stay within those of the system', () => {
    const own = namespaceLimits(apache, {
      maxActionMemory: 1024,
      minActionMemory: 64,
      maxActionTimeout: 5000,
      minActionLogs: 3,
      maxPayloadSize: '500 KB',
      maxParameterSize: '5 MB',
      invocationsPerMinute: 0,
    })
    expect(own).toMatchObject({
      maxActionMemory: 512,
      minActionMemory: 128,
      maxActionTimeout: 5000,
      minActionLogs: 3,
      maxPayload: 512_000,
      maxParameters: 1_048_576,
      invocationsPerMinute: 0,
    })
  })

  it('are shown with the reference’s names and units', () => {
    expect(limitsJson(apache, {})).toEqual({
      concurrentInvocations: 30,
      firesPerMinute: 60,
      invocationsPerMinute: 60,
      maxActionConcurrency: 1,
      maxActionInstances: 30,
      maxActionLogs: 10,
      maxActionMemory: 512,
      maxActionTimeout: 300_000,
      maxParameterSize: '1048576 B',
      minActionConcurrency: 1,
      minActionLogs: 0,
      minActionMemory: 128,
      minActionTimeout: 100,
    })
  })

  it('show what only they have, sizes in their own units, and no throttle as the largest number', () => {
    const shown = limitsJson(defaultLimits('off', 1024), {
      allowedKinds: ['nodejs:20'],
      storeActivations: false,
      maxParameterSize: '500k',
      maxPayloadSize: '9 GB',
      concurrentInvocations: 3,
    })
    expect(shown).toMatchObject({
      allowedKinds: ['nodejs:20'],
      storeActivations: false,
      maxParameterSize: '500 KB',
      maxPayloadSize: '1048576 B',
      concurrentInvocations: 3,
      maxActionInstances: 3,
      invocationsPerMinute: 2_147_483_647,
    })
  })

  it.each([
    ['500 KB', 512_000],
    ['1mb', 1_048_576],
    ['2 G', 2 ** 31],
    ['7B', 7],
    ['7', undefined],
    ['x KB', undefined],
  ])('size %j is %s bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes)
  })
})

describe('limits of an action', () => {
  it.each([
    ['{"memory":256.0}', { memory: 256 }],
    ['{"memory":2.56e2,"timeout":1E+3}', { memory: 256, timeout: 1000 }],
    ['{"memory":2560e-1}', { memory: 256 }],
    ['{"memory":4294967552}', { memory: 256 }],
    ['{"timeout":99999999999}', { timeout: 1_215_752_191 }],
    ['{"timeout":2147483648}', { timeout: -2_147_483_648 }],
    ['{"concurrency":1e40}', { concurrency: 0 }],
    ['{"memory":-0,"logs":null,"cpu":1}', { memory: 0 }],
    ['{"timeout":0.0}', { timeout: 0 }],
    ['{}', {}],
  ])('%s are read as %j', (text, limits) => {
    expect(decodeActionLimits(parseJson(text))).toEqual(limits)
  })

  it.each([
    ['{"timeout":2.5}', `${MC}requirement failed: time limit must be whole number`],
    ['{"memory":256.00000000000000000001}', `${MC}requirement failed: memory limit must be whole number`],
    ['{"memory":-1.5}', `${MC}requirement failed: memory limit must be whole number`],
    ['{"logs":1e-1}', `${MC}requirement failed: log limit must be whole number`],
    ['{"concurrency":2.5}', `${MC}requirement failed: intra concurrency limit must be whole number`],
    ['{"instances":2.5}', `${MC}requirement failed: instance concurrency limit must be whole number`],
    ['{"timeout":"256"}', `${MC}time limit malformed`],
    ['{"memory":true}', `${MC}memory limit malformed`],
    ['{"logs":{}}', `${MC}log limit malformed`],
    ['{"concurrency":[]}', `${MC}concurrency limit malformed`],
    ['{"instances":"x"}', `${MC}instance concurrency limit malformed`],
    ['{"memory":-1}', `${MC}requirement failed: a negative size of an object is not allowed.`],
    ['{"logs":-1}', `${MC}requirement failed: a negative size of an object is not allowed.`],
    ['{"instances":-1}', `${MC}requirement failed: Action container concurrency must be greater than or equal to 0.`],
    ['{"timeout":1,"memory":"x"}', `${MC}memory limit malformed`],
    ['[]', `${MC}Object expected in field 'timeout'`],
    ['7', `${MC}Object expected in field 'timeout'`],
  ])('%s are refused', (text, message) => {
    expect(() => decodeActionLimits(parseJson(text))).toThrow(message)
  })

  it.each([
    [{ memory: 513 }, 'requirement failed: memory size 513 MB exceeds allowed threshold of 512 MB'],
    [{ memory: 64 }, 'requirement failed: memory size 64 MB below allowed threshold of 128 MB'],
    [
      { timeout: 300_001 },
      'requirement failed: duration 300001 milliseconds exceeds allowed threshold of 300000 milliseconds',
    ],
    [{ timeout: -5 }, 'requirement failed: duration -5 milliseconds below allowed threshold of 100 milliseconds'],
    [{ logs: 11 }, 'requirement failed: log size 11 MB exceeds allowed threshold of 10 MB'],
    [{ concurrency: 2 }, 'requirement failed: concurrency 2 exceeds allowed threshold of 1'],
    [{ concurrency: 0 }, 'requirement failed: concurrency 0 below allowed threshold of 1'],
    [
      { concurrency: 9, logs: 99, timeout: 1, memory: 1 },
      'requirement failed: memory size 1 MB below allowed threshold of 128 MB',
    ],
  ])('%j are out of range', (asked, message) => {
    expect(() => checkActionLimits(asked, apache)).toThrow(message)
  })

  it('at the bounds are in range', () => {
    expect(() => checkActionLimits({ memory: 512, timeout: 100, logs: 0, concurrency: 1 }, apache)).not.toThrow()
  })

  it('may not ask for more instances than the namespace may run', () => {
    expect(() => checkInstances(40, apache)).toThrow(
      'Max action instance concurrency must not exceed your namespace concurrency of 30.',
    )
    expect(() => checkInstances(undefined, apache)).not.toThrow()
    expect(() => checkInstances(30, apache)).not.toThrow()
  })

  it('merge field by field and are shown with instances only when set', () => {
    const merged = mergeActionLimits({ timeout: 1, memory: 2, logs: 3, concurrency: 4 }, { memory: 9, instances: 5 })
    expect(actionLimitsJson(merged)).toEqual({ concurrency: 4, instances: 5, logs: 3, memory: 9, timeout: 1 })
    expect(actionLimitsJson(standardActionLimits(apache))).not.toHaveProperty('instances')
  })
})

describe('sizes', () => {
  it('beyond what is allowed are told in bytes', () => {
    expect(() => checkSize('exec', 11, 10)).toThrow('exec larger than allowed: 11 > 10 bytes.')
    expect(() => checkSize('exec', 10, 10)).not.toThrow()
  })
})
