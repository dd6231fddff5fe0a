import { describe, expect, it } from 'vitest'
import {
  type ActionPut,
  actionJson,
  actionSummary,
  createAction,
  decodeActionPut,
  updateAction,
} from '../../src/entity/action.ts'
import type { JsonObject, JsonValue } from '../../src/entity/json.ts'
import { defaultLimits, standardActionLimits } from '../../src/entity/limits.ts'
import { loadManifest } from '../../src/entity/manifest.ts'
import {
  createPackage,
  decodePackagePut,
  packageJson,
  packageSummary,
  updatePackage,
} from '../../src/entity/package.ts'
import { decodeSizedPut } from '../../src/entity/put.ts'
import { createRule, decodeRulePut, decodeRuleStatus, ruleJson, updateRule } from '../../src/entity/rule.ts'
import {
  attachRule,
  createTrigger,
  decodeTriggerPut,
  detachRule,
  ruleOf,
  triggerJson,
  triggerSummary,
  updateTrigger,
} from '../../src/entity/trigger.ts'
import { anAction, aPackage, aRule, aTrigger } from '../builders.ts'

const limits = defaultLimits('apache', 1024)
const manifest = loadManifest()
const sized = (body: JsonValue) => decodeSizedPut(body, manifest, limits)
const context = { namespace: 'guest', name: 'x', now: 5 }
const MC = 'The request content was malformed:\n'
const js = { kind: 'nodejs:20', code: 'function main(a) { return a }', binary: false }
const sequence = { kind: 'sequence' as const, components: ['/guest/a'] }

describe('PUT bodies', () => {
  it.each<[JsonValue, string]>([
    [[], `${MC}Object expected in field 'exec'`],
    [7, `${MC}Object expected in field 'exec'`],
    [{ exec: 7, parameters: 7 }, `${MC}JSON object expected`],
    [{ parameters: 7, annotations: 7 }, `${MC}parameters malformed!`],
    [{ annotations: {} }, `${MC}parameters malformed!`],
    [
      { parameters: [{ key: 'a', value: 'x'.repeat(1_048_576) }] },
      'parameters larger than allowed: 1048579 > 1048576 bytes.',
    ],
    [
      { annotations: [{ key: 'a', value: 'x'.repeat(1_048_576) }] },
      'annotations larger than allowed: 1048579 > 1048576 bytes.',
    ],
  ])('fail in the first pass', (body, message) => {
    expect(() => sized(body)).toThrow(message)
  })

  it('of more than 48 MB of code are too large', () => {
    const small = { ...limits, maxCode: 10 }
    const body = { exec: { kind: 'nodejs:20', code: 'function main() {}' } }
    expect(() => decodeSizedPut(body, manifest, small)).toThrow('exec larger than allowed: 18 > 10 bytes.')
  })

  it.each<[JsonObject, string]>([
    [{ limits: 7, version: 7, publish: 7 }, `${MC}Object expected in field 'timeout'`],
    [{ version: 7, publish: 7 }, `${MC}semantic version malformed`],
    [{ publish: 7, delAnnotations: 7 }, `${MC}Expected JsBoolean, but got 7`],
    [{ publish: 'yes' }, `${MC}Expected JsBoolean, but got "yes"`],
    [{ delAnnotations: 7 }, `${MC}Expected Array as JsArray, but got 7`],
    [{ delAnnotations: [7] }, `${MC}Expected String as JsString, but got 7`],
  ])('of actions: %j fails in the second pass', (body, message) => {
    expect(() => decodeActionPut(sized(body))).toThrow(message)
  })

  it('count null as absent, and ignore what they do not know', () => {
    const put = decodeActionPut(sized({ exec: null, limits: null, publish: null, version: null, name: 'n', x: 1 }))
    expect(Object.values(put).every(value => value === undefined)).toBe(true)
  })
})

describe('a new action', () => {
  const create = (put: ActionPut) => createAction(context, put, standardActionLimits(limits))

  it('has defaults, the annotation provide-api-key, and exec', () => {
    expect(create({ exec: js })).toEqual({
      entityType: 'action',
      namespace: 'guest',
      name: 'x',
      version: '0.0.1',
      publish: false,
      annotations: [
        { key: 'provide-api-key', value: false },
        { key: 'exec', value: 'nodejs:20' },
      ],
      updated: 5,
      exec: js,
      parameters: [],
      limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 },
    })
  })

  it.each([[true], [''], [false], [null]])('keeps a given provide-api-key %j, and overwrites a given exec', value => {
    const annotations = [
      { key: 'exec', value: 'foo' },
      { key: 'provide-api-key', value },
    ]
    expect(create({ exec: js, annotations }).annotations).toEqual([
      { key: 'exec', value: 'nodejs:20' },
      { key: 'provide-api-key', value },
    ])
  })

  it('of a sequence has its components as its parameters', () => {
    expect(create({ exec: sequence, parameters: [{ key: 'a', value: 1 }] }).parameters).toEqual([
      { key: '_actions', value: ['/guest/a'] },
    ])
  })

  it('without exec is refused', () => {
    expect(() => create({})).toThrow('exec undefined')
  })
})

describe('an update of an action', () => {
  const a = [{ key: 'a', value: 1 }]
  const b = [{ key: 'b', value: 2 }]
  const _actions = [{ key: '_actions', value: ['/guest/a'] }]
  it.each([
    ['a sequence over code', { exec: sequence, parameters: b }, js, a, _actions],
    ['code over a sequence', { exec: js }, sequence, _actions, []],
    ['code with parameters over a sequence', { exec: js, parameters: b }, sequence, _actions, b],
    ['code over code', { exec: js }, js, a, a],
    ['code with parameters over code', { exec: js, parameters: b }, js, a, b],
    ['nothing over a sequence', { parameters: b }, sequence, _actions, _actions],
    ['parameters over code', { parameters: b }, js, a, b],
    ['no parameters over code', { parameters: [] }, js, a, []],
    ['nothing over code', {}, js, a, a],
  ])('decides the parameters: %s', (_, put: ActionPut, exec, parameters, expected) => {
    expect(updateAction(anAction({ exec, parameters }), put, 9).parameters).toEqual(expected)
  })

  it('bumps the patch, keeps what is absent and sets the time', () => {
    const stored = anAction({ version: '1.2.3', publish: true })
    expect(updateAction(stored, {}, 9)).toMatchObject({
      version: '1.2.4',
      publish: true,
      exec: stored.exec,
      updated: 9,
    })
    expect(updateAction(stored, { version: '7.0.0', publish: false }, 9)).toMatchObject({
      version: '7.0.0',
      publish: false,
    })
  })

  it('merges annotations: minus the deleted, plus the given, and never adds provide-api-key', () => {
    const stored = anAction({
      annotations: [
        { key: 'k', value: 1 },
        { key: 'j', value: 2 },
        { key: 'exec', value: 'x' },
      ],
    })
    const put = { delAnnotations: ['k', 'nothere'], annotations: [{ key: 'l', value: 3 }] }
    expect(updateAction(stored, put, 9).annotations).toEqual([
      { key: 'j', value: 2 },
      { key: 'exec', value: 'nodejs:20' },
      { key: 'l', value: 3 },
    ])
  })

  it('lets a given annotation win over its deletion', () => {
    const stored = anAction({ annotations: [{ key: 'k', value: 1 }] })
    const put = { delAnnotations: ['k'], annotations: [{ key: 'k', value: 2 }] }
    expect(updateAction(stored, put, 9).annotations[0]).toEqual({ key: 'k', value: 2 })
  })

  it('deletes no annotation beside the exec of a sequence', () => {
    const stored = anAction({ annotations: [{ key: 'k', value: 1 }] })
    expect(updateAction(stored, { exec: sequence, delAnnotations: ['k'] }, 9).annotations[0]).toEqual({
      key: 'k',
      value: 1,
    })
  })

  it('merges limits field by field', () => {
    const updated = updateAction(anAction({ limits: { memory: 128, instances: 3 } }), { limits: { logs: 2 } }, 9)
    expect(updated.limits).toEqual({ timeout: 60_000, memory: 128, logs: 2, concurrency: 1, instances: 3 })
  })
})

describe('an action is shown', () => {
  it('with its code, merged parameters where given, and no binding', () => {
    const shown = actionJson(anAction(), { parameters: [{ key: 'p', value: 1 }], binding: 'guest/b' })
    expect(shown).toMatchObject({ exec: { code: expect.any(String) }, parameters: [{ key: 'p', value: 1 }] })
    expect(shown).not.toHaveProperty('binding')
    expect(shown).not.toHaveProperty('entityType')
  })

  it('without its code but with its binding', () => {
    const shown = actionJson(anAction(), { code: false, binding: 'guest/b' })
    expect(shown.exec).toEqual({ binary: false, kind: 'nodejs:20' })
    expect(shown.binding).toBe('guest/b')
  })

  it('in lists without code and parameters', () => {
    expect(Object.keys(actionSummary(anAction())).sort()).toEqual(
      ['annotations', 'exec', 'limits', 'name', 'namespace', 'publish', 'updated', 'version'].sort(),
    )
    expect(actionSummary(anAction({ exec: sequence })).exec).toEqual({ binary: false })
  })
})

describe('packages', () => {
  const put = (body: JsonObject) => decodePackagePut(sized(body), 'guest')

  it.each<[JsonValue, object | undefined]>([
    [{}, undefined],
    [
      { namespace: '_', name: 'p' },
      { namespace: 'guest', name: 'p' },
    ],
    [
      { namespace: 'other', name: 'p', version: 'x', extra: 1 },
      { namespace: 'other', name: 'p' },
    ],
  ])('read the binding %j', (binding, expected) => {
    expect(put({ binding }).binding).toEqual(expected)
  })

  it.each<[JsonValue, string]>([
    [null, `${MC}Object expected in field 'namespace'`],
    ['x', `${MC}Object expected in field 'namespace'`],
    [[], `${MC}Object expected in field 'namespace'`],
    [{ name: 'x' }, `${MC}Object is missing required member 'namespace'`],
    [{ namespace: '_' }, `${MC}Object is missing required member 'name'`],
    [{ namespace: 7, name: 'x' }, `${MC}entity name malformed`],
    [{ namespace: '_', name: 'a/b' }, `${MC}entity name malformed`],
    [{ namespace: '', name: 'x' }, `${MC}entity name malformed`],
  ])('refuse the binding %j', (binding, message) => {
    expect(() => put({ binding })).toThrow(message)
  })

  const binding = { namespace: 'other', name: 'p' }
  const managed = { key: 'binding', value: { name: 'p', namespace: 'other' } }
  it('manage the annotation binding themselves', () => {
    const given = [{ key: 'binding', value: 'mine' }]
    expect(createPackage(context, { annotations: given }).annotations).toEqual([])
    expect(createPackage(context, { annotations: given, binding }).annotations).toEqual([managed])
    expect(updatePackage(aPackage({ binding }), { annotations: [] }, 9).annotations).toEqual([managed])
  })

  it('stay what they are on update, but a binding may point elsewhere', () => {
    expect(updatePackage(aPackage(), { binding }, 9).binding).toBeUndefined()
    const moved = updatePackage(aPackage({ binding: { namespace: 'guest', name: 'q' } }), { binding }, 9)
    expect(moved).toMatchObject({ binding, annotations: [managed], version: '0.0.2' })
    expect(updatePackage(aPackage({ binding }), { publish: true }, 9)).toMatchObject({ binding, publish: true })
  })

  it('replace annotations and parameters as a whole', () => {
    const stored = aPackage({ annotations: [{ key: 'a', value: 1 }], parameters: [{ key: 'p', value: 1 }] })
    const updated = updatePackage(stored, { annotations: [{ key: 'b', value: 2 }], parameters: [] }, 9)
    expect([updated.annotations, updated.parameters]).toEqual([[{ key: 'b', value: 2 }], []])
  })

  it('show an empty object for no binding, false in lists', () => {
    expect(packageJson(aPackage()).binding).toEqual({})
    expect(packageSummary(aPackage()).binding).toBe(false)
    expect(packageSummary(aPackage({ binding })).binding).toEqual({ name: 'p', namespace: 'other' })
    expect(packageSummary(aPackage())).not.toHaveProperty('parameters')
  })
})

describe('triggers', () => {
  it.each<[JsonValue]>([[[]], ['x'], [7]])('refuse limits that are no object: %j', given => {
    expect(() => decodeTriggerPut(sized({ limits: given }))).toThrow(`${MC}Object expected`)
  })

  it.each(['', '/', 'a,b', ' ', '$x', 7, null, ['a'], {}])('refuse the feed %j, but only when they are new', value => {
    const annotations = [{ key: 'feed', value }]
    expect(() => createTrigger(context, { annotations })).toThrow('Feed name is not valid')
    expect(updateTrigger(aTrigger(), { annotations }, 9).annotations).toEqual(annotations)
  })

  it.each(['xyz', '/_/p/f', 'a/b/c/d/e', '//a//b/'])('take the feed %j', value => {
    expect(createTrigger(context, { annotations: [{ key: 'feed', value }] }).annotations).toHaveLength(1)
  })

  it('keep their rules on update', () => {
    const rules = { 'guest/r': { action: { path: 'guest', name: 'a' }, status: 'active' as const } }
    expect(updateTrigger(aTrigger({ rules }), { parameters: [] }, 9).rules).toEqual(rules)
  })

  it('attach and detach rules without a new version', () => {
    const rule = { action: { path: 'guest', name: 'a' }, status: 'active' as const }
    const attached = attachRule(aTrigger(), 'guest/r', rule)
    expect(ruleOf(attached, 'guest/r')).toEqual(rule)
    expect(ruleOf(attached, 'constructor')).toBeUndefined()
    expect(attached.version).toBe('0.0.1')
    expect(detachRule(attached, 'guest/r').rules).toEqual({})
    expect(detachRule(attached, 'guest/other')).toBe(attached)
  })

  it('show rules once there were any, and no rules, parameters and limits in lists', () => {
    expect(triggerJson(aTrigger())).not.toHaveProperty('rules')
    expect(triggerJson(aTrigger({ rules: {} })).rules).toEqual({})
    expect(triggerJson(aTrigger()).limits).toEqual({})
    expect(Object.keys(triggerSummary(aTrigger()))).toHaveLength(6)
  })
})

describe('rules', () => {
  it('read their references with _ resolved', () => {
    expect(
      decodeRulePut(sized({ trigger: '/_/t', action: { path: '_/p', name: 'a' }, status: '' }), 'guest'),
    ).toMatchObject({
      trigger: { path: 'guest', name: 't' },
      action: { path: 'guest/p', name: 'a' },
    })
    expect(decodeRulePut(sized({ trigger: null }), 'guest').trigger).toBeUndefined()
  })

  it('need both references when they are new', () => {
    expect(() => createRule(context, { trigger: { path: 'guest', name: 't' } })).toThrow(
      'rule requires a valid trigger and a valid action',
    )
  })

  it('keep the reference that an update does not give', () => {
    const updated = updateRule(aRule(), { action: { path: 'guest', name: 'z' } }, 9)
    expect(updated).toMatchObject({ trigger: { name: 'ring' }, action: { name: 'z' }, version: '0.0.2', updated: 9 })
  })

  it('are shown with a status, in lists without', () => {
    expect(ruleJson(aRule(), 'inactive').status).toBe('inactive')
    expect(ruleJson(aRule())).not.toHaveProperty('status')
    expect(ruleJson(aRule()).action).toEqual({ name: 'hello', path: 'guest' })
  })

  it.each<[JsonValue, string]>([
    [{ status: 'active' }, 'active'],
    [{ status: ' inactive ', trigger: 7 }, 'inactive'],
  ])('read the status of %j', (body, status) => {
    expect(decodeRuleStatus(body)).toBe(status)
  })

  it.each<[JsonValue, string]>([
    [{}, 'key not found: status'],
    [{ status: 'ACTIVE' }, 'requirement failed: ACTIVE is not a recognized rule state'],
    [{ status: ' ' }, 'requirement failed: argument undefined'],
    [{ status: 7 }, '7 (of class spray.json.JsNumber)'],
    [{ status: null }, 'null (of class spray.json.JsNull$)'],
    [{ status: true }, 'true (of class spray.json.JsTrue$)'],
    [{ status: false }, 'false (of class spray.json.JsFalse$)'],
    [{ status: ['active'] }, '["active"] (of class spray.json.JsArray)'],
    [{ status: {} }, '{} (of class spray.json.JsObject)'],
    ['x', '"x" (of class spray.json.JsString)'],
  ])('refuse the body %j', (body, detail) => {
    expect(() => decodeRuleStatus(body)).toThrow(MC + detail)
  })
})
