// `user …` and `limits …`: what wskadmin does to subjects and limits, with its sentences and exit codes.
// Pure commands on the subject store: the command line runs them itself, or has a running server do it.

import { randomBytes, randomUUID } from 'node:crypto'
import type { Subject, UserLimits } from '../entity/identity.ts'
import { parseByteSize } from '../entity/limits.ts'
import { messages } from '../messages.ts'
import type { SubjectStore } from '../store/store.ts'

/** One command line, parsed: `{ command: 'user create', arguments: ['alice'], options: { auth: '…' } }`. */
export interface AdminRequest {
  readonly command: string
  readonly arguments: readonly string[]
  readonly options: Readonly<Record<string, unknown>>
}

export interface AdminResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Reads what `POST admin` carries; a command that is not there is for `runAdmin` to refuse. */
export function decodeAdminRequest(body: Readonly<Record<string, unknown>>): AdminRequest {
  const { command, arguments: given, options } = body
  return {
    command: typeof command === 'string' ? command : '',
    arguments: Array.isArray(given) ? given.map(String) : [],
    options: typeof options === 'object' && options !== null ? (options as AdminRequest['options']) : {},
  }
}

/** A failure with its exit code: 1 it cannot be done, 2 it was asked for wrongly. */
class Refused extends Error {
  readonly exitCode: number
  /** What was done before. */
  readonly stdout: string

  constructor(exitCode: number, message: string, stdout = '') {
    super(message)
    this.exitCode = exitCode
    this.stdout = stdout
  }
}

type Command = (subjects: SubjectStore, request: AdminRequest) => string

const say = messages.admin

/** Never throws for a request that is wrong; the caller commits. */
export function runAdmin(subjects: SubjectStore, request: AdminRequest): AdminResult {
  const command = Object.hasOwn(COMMANDS, request.command) ? COMMANDS[request.command] : undefined
  if (!command) return { exitCode: 2, stdout: '', stderr: say.unknownCommand }
  try {
    return { exitCode: 0, stdout: command(subjects, request), stderr: '' }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { exitCode: error.exitCode, stdout: error.stdout, stderr: error.message }
  }
}

const COMMANDS: Readonly<Record<string, Command>> = {
  'user create': createUser,
  'user delete': deleteUser,
  'user get': getUser,
  'user whois': whois,
  'user list': listUsers,
  'user block': (subjects, request) => setBlocked(subjects, request, true),
  'user unblock': (subjects, request) => setBlocked(subjects, request, false),
  'limits set': setLimits,
  'limits get': getLimits,
  'limits delete': deleteLimits,
}

const KEY_LENGTH = 64
const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** 64 letters and digits, each equally likely. */
function createKey(): string {
  let key = ''
  while (key.length < KEY_LENGTH) {
    for (const byte of randomBytes(KEY_LENGTH)) {
      if (byte < 4 * ALPHABET.length && key.length < KEY_LENGTH) key += ALPHABET.charAt(byte % ALPHABET.length)
    }
  }
  return key
}

interface Key {
  uuid: string
  key: string
}

const show = ({ uuid, key }: Key) => `${uuid}:${key}`

function parseAuth(auth: string): Key {
  const [uuid = '', key, ...rest] = auth.split(':')
  if (key === undefined || rest.length > 0) throw new Refused(2, say.undeterminedKey(auth))
  if (!UUID.test(uuid)) throw new Refused(2, say.notUuid)
  if (key.length < KEY_LENGTH) throw new Refused(2, say.shortKey)
  return { uuid, key }
}

function textOption(options: AdminRequest['options'], name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

function createUser(subjects: SubjectStore, { arguments: [subject = ''], options }: AdminRequest): string {
  const namespace = (textOption(options, 'namespace') ?? subject).trim()
  if (subject.trim().length < 5) throw new Refused(2, say.shortSubject)
  if (namespace === '') throw new Refused(2, say.emptyNamespace)
  const auth = textOption(options, 'auth')
  const given = auth === undefined ? { uuid: randomUUID(), key: createKey() } : parseAuth(auth)
  if (options.genonly !== true) store(subjects, subject.trim(), { name: namespace, ...given }, options.revoke === true)
  return options.silent === true ? '' : show(given)
}

function store(subjects: SubjectStore, subject: string, entry: Key & { name: string }, revoke: boolean): void {
  const existing = subjects.get(subject)
  if (existing?.blocked) throw new Refused(1, say.editBlocked)
  const namespaces = existing?.namespaces ?? []
  const known = namespaces.some(({ name }) => name === entry.name)
  if (known && !revoke) throw new Refused(1, say.namespaceExists)
  if (!known && !existing && isTaken(subjects, entry.name)) throw new Refused(1, say.namespaceNotUnique)
  const changed = known
    ? namespaces.map(namespace => (namespace.name === entry.name ? entry : namespace))
    : [...namespaces, entry]
  subjects.put({ subject, blocked: false, namespaces: changed })
}

/** A new subject may not take a namespace of the same name as another subject's own. */
function isTaken(subjects: SubjectStore, namespace: string): boolean {
  return subjects
    .list()
    .some(({ subject, namespaces }) => subject === namespace && namespaces.some(({ name }) => name === namespace))
}

function deleteUser(subjects: SubjectStore, { arguments: [subject = ''], options }: AdminRequest): string {
  if (subject.trim() === '') throw new Refused(2, say.emptySubject)
  const namespace = textOption(options, 'namespace')
  if (namespace === undefined) {
    if (!subjects.delete(subject)) throw new Refused(1, say.failed('delete subject'))
    return say.subjectDeleted
  }
  if (namespace.trim() === '') throw new Refused(2, say.emptyNamespace)
  const existing = found(subjects, subject)
  const namespaces = existing.namespaces.filter(({ name }) => name !== namespace)
  if (namespaces.length === existing.namespaces.length) throw new Refused(1, say.noNamespaceOf(namespace, subject))
  subjects.put({ ...existing, namespaces })
  return say.namespaceDeleted
}

function found(subjects: SubjectStore, subject: string, doing = 'get subject'): Subject {
  const existing = subjects.get(subject)
  if (!existing) throw new Refused(1, say.failed(doing))
  return existing
}

function getUser(subjects: SubjectStore, { arguments: [subject = ''], options }: AdminRequest): string {
  const { namespaces } = found(subjects, subject)
  if (options.all === true) return namespaces.map(namespace => `${namespace.name}\t${show(namespace)}`).join('\n')
  const name = textOption(options, 'namespace') ?? subject
  const namespace = namespaces.find(entry => entry.name === name)
  if (!namespace) throw new Refused(1, say.namespaceNotFound(name, subject))
  return show(namespace)
}

function whois(subjects: SubjectStore, { arguments: [auth = ''] }: AdminRequest): string {
  for (const { subject, namespaces } of subjects.list()) {
    const namespace = namespaces.find(entry => show(entry) === auth)
    if (namespace) return `subject: ${subject}\nnamespace: ${namespace.name}`
  }
  return say.notRecognized
}

function listUsers(subjects: SubjectStore, { arguments: [namespace = ''], options }: AdminRequest): string {
  const pick = options.pick === undefined ? 1 : Number(options.pick)
  if (!Number.isInteger(pick) || pick < 1) throw new Refused(2, say.pickOne)
  const identities = subjects
    .list()
    .flatMap(({ subject, namespaces }) =>
      namespaces.filter(({ name }) => name === namespace).map(entry => ({ subject, auth: show(entry) })),
    )
  if (identities.length === 0) return say.noIdentities(namespace)
  return identities
    .slice(0, options.all === true ? undefined : pick)
    .map(({ subject, auth }) => (options.key === true ? auth : `${auth}\t${subject}`))
    .join('\n')
}

/** OpenWhisk: the exit code counts the failures. */
function setBlocked(subjects: SubjectStore, { arguments: names }: AdminRequest, blocked: boolean): string {
  const done: string[] = []
  const failures: string[] = []
  for (const name of names.map(each => each.trim()).filter(each => each !== '')) {
    const subject = subjects.get(name)
    if (subject) {
      subjects.put({ ...subject, blocked })
      done.push(blocked ? say.blocked(name) : say.unblocked(name))
    } else failures.push(say.failed(`${blocked ? 'block' : 'unblock'} "${name}"`))
  }
  if (failures.length > 0) throw new Refused(failures.length, failures.join('\n'), done.join('\n'))
  return done.join('\n')
}

type LimitType = 'count' | 'kinds' | 'yesno' | 'size'

/** In the order in which `limits get` prints them. */
export const LIMITS: Readonly<Partial<Record<keyof UserLimits, LimitType>>> = {
  invocationsPerMinute: 'count',
  firesPerMinute: 'count',
  concurrentInvocations: 'count',
  allowedKinds: 'kinds',
  storeActivations: 'yesno',
  minActionMemory: 'count',
  maxActionMemory: 'count',
  minActionLogs: 'count',
  maxActionLogs: 'count',
  minActionTimeout: 'count',
  maxActionTimeout: 'count',
  minActionConcurrency: 'count',
  maxActionConcurrency: 'count',
  maxParameterSize: 'size',
  maxPayloadSize: 'size',
  truncationSize: 'size',
}

function setLimits(subjects: SubjectStore, { arguments: [namespace = ''], options }: AdminRequest): string {
  const changes: Record<string, unknown> = {}
  for (const [name, type] of Object.entries(LIMITS)) {
    if (options[name] !== undefined) changes[name] = readLimit(name, type, options[name])
  }
  subjects.setLimits(namespace, { ...subjects.limits(namespace), ...changes })
  return say.limitsSet(namespace)
}

function readLimit(name: string, type: LimitType, value: unknown): unknown {
  const text = String(value)
  switch (type) {
    case 'kinds':
      return (Array.isArray(value) ? value.map(String) : text.split(',')).map(kind => kind.trim())
    case 'yesno':
      if (/^(yes|true|y|1)$/i.test(text)) return true
      if (/^(no|false|n|0)$/i.test(text)) return false
      throw new Refused(2, say.badLimit(name, 'yes or no', text))
    case 'size':
      if (parseByteSize(text) === undefined) throw new Refused(2, say.badLimit(name, 'size', text))
      return text
    case 'count':
      if (!/^\d{1,10}$/.test(text)) throw new Refused(2, say.badLimit(name, 'int', text))
      return Number(text)
  }
}

function getLimits(subjects: SubjectStore, { arguments: [namespace = ''] }: AdminRequest): string {
  const limits: Readonly<Record<string, unknown>> = { ...subjects.limits(namespace) }
  const lines = Object.keys(LIMITS).flatMap(name =>
    limits[name] === undefined ? [] : [`${name} = ${pythonValue(limits[name])}`],
  )
  return lines.length > 0 ? lines.join('\n') : say.noLimits
}

/** OpenWhisk: wskadmin is Python, and prints its own values. */
function pythonValue(value: unknown): string {
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (Array.isArray(value)) return `[${value.map(entry => `'${String(entry)}'`).join(', ')}]`
  return String(value)
}

function deleteLimits(subjects: SubjectStore, { arguments: [namespace = ''] }: AdminRequest): string {
  if (!subjects.deleteLimits(namespace)) throw new Refused(1, say.failed('delete limits'))
  return say.limitsDeleted
}
