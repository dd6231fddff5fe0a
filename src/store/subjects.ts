// Subjects with their keys, and the limits of namespaces.

import type { Identity, Subject, UserLimits } from '../entity/identity.ts'
import { isJsonObject, type JsonObject, parseStored, stringify } from '../entity/json.ts'
import type { Connection } from './connection.ts'
import type { SubjectStore } from './store.ts'

interface NamespaceRow {
  subject: string
  position: number
  name: string
  uuid: string
  key: string
}

const COLUMNS = 'n.subject, n.position, n.name, n.uuid, n.key'
const ACTIVE = `SELECT ${COLUMNS} FROM subject_namespaces n JOIN subjects s ON s.subject = n.subject AND NOT s.blocked`

const statements = ({ db }: Connection) => ({
  byKey: db.prepare<{ uuid: string; key: string }, NamespaceRow>(
    `${ACTIVE} WHERE n.uuid = :uuid AND n.key = :key ORDER BY n.subject, n.position LIMIT 1`,
  ),
  byNamespace: db.prepare<{ name: string }, NamespaceRow>(
    `${ACTIVE} WHERE n.name = :name ORDER BY n.subject, n.position LIMIT 1`,
  ),
  subject: db.prepare<{ subject: string }, { subject: string; blocked: 0 | 1 }>(
    'SELECT subject, blocked FROM subjects WHERE subject = :subject',
  ),
  subjects: db.prepare<[], { subject: string }>('SELECT subject FROM subjects ORDER BY subject'),
  subjectsOf: db.prepare<{ name: string }, { subject: string }>(
    'SELECT DISTINCT subject FROM subject_namespaces WHERE name = :name ORDER BY subject',
  ),
  namespaces: db.prepare<{ subject: string }, NamespaceRow>(
    `SELECT ${COLUMNS} FROM subject_namespaces n WHERE n.subject = :subject ORDER BY n.position`,
  ),
  put: db.prepare<{ subject: string; blocked: 0 | 1 }>(
    'INSERT INTO subjects VALUES (:subject, :blocked) ON CONFLICT DO UPDATE SET blocked = excluded.blocked',
  ),
  putNamespace: db.prepare<NamespaceRow>(
    'INSERT INTO subject_namespaces VALUES (:subject, :position, :name, :uuid, :key)',
  ),
  delete: db.prepare<{ subject: string }>('DELETE FROM subjects WHERE subject = :subject'),
  deleteNamespaces: db.prepare<{ subject: string }>('DELETE FROM subject_namespaces WHERE subject = :subject'),
  limits: db.prepare<{ namespace: string }, { document: string }>(
    'SELECT document FROM limits WHERE namespace = :namespace',
  ),
  putLimits: db.prepare<{ namespace: string; document: string }>(
    'INSERT INTO limits VALUES (:namespace, :document) ON CONFLICT DO UPDATE SET document = excluded.document',
  ),
  deleteLimits: db.prepare<{ namespace: string }>('DELETE FROM limits WHERE namespace = :namespace'),
})

export function subjectStore(connection: Connection): SubjectStore {
  const sql = statements(connection)
  const byKey = new Map<string, Identity>()
  const byNamespace = new Map<string, Identity>()
  const forget = () => {
    byKey.clear()
    byNamespace.clear()
  }
  connection.onRollback(forget)

  const limits = (namespace: string): UserLimits | undefined => {
    const row = sql.limits.get({ namespace })
    return row && decodeLimits(row.document)
  }
  const toIdentity = ({ subject, name, uuid, key }: NamespaceRow): Identity => ({
    subject,
    namespace: { name, uuid },
    authkey: { uuid, key },
    limits: limits(name) ?? {},
  })
  /** Only what was found is kept: strangers must not fill the memory. */
  const cached = (cache: Map<string, Identity>, key: string, find: () => NamespaceRow | undefined) => {
    const known = cache.get(key)
    if (known) return known
    const row = find()
    if (!row) return undefined
    const identity = toIdentity(row)
    cache.set(key, identity)
    return identity
  }
  const get = (subject: string): Subject | undefined => {
    const row = sql.subject.get({ subject })
    if (!row) return undefined
    const namespaces = sql.namespaces.all({ subject }).map(({ name, uuid, key }) => ({ name, uuid, key }))
    return { subject, blocked: row.blocked === 1, namespaces }
  }

  return {
    identityByKey: (uuid, key) => cached(byKey, `${uuid}:${key}`, () => sql.byKey.get({ uuid, key })),
    identityByNamespace: name => cached(byNamespace, name, () => sql.byNamespace.get({ name })),
    get,
    put({ subject, blocked, namespaces }) {
      connection.write(() => {
        sql.put.run({ subject, blocked: blocked ? 1 : 0 })
        sql.deleteNamespaces.run({ subject })
        namespaces.forEach(({ name, uuid, key }, position) => {
          sql.putNamespace.run({ subject, position, name, uuid, key })
        })
      })
      forget()
    },
    delete(subject) {
      const gone = connection.write(() => {
        sql.deleteNamespaces.run({ subject })
        return sql.delete.run({ subject }).changes > 0
      })
      forget()
      return gone
    },
    list: namespace =>
      (namespace === undefined ? sql.subjects.all() : sql.subjectsOf.all({ name: namespace })).flatMap(
        row => get(row.subject) ?? [],
      ),
    limits,
    setLimits(namespace, userLimits) {
      const document = stringify(userLimits as JsonObject)
      connection.write(() => sql.putLimits.run({ namespace, document }))
      forget()
    },
    deleteLimits(namespace) {
      const gone = connection.write(() => sql.deleteLimits.run({ namespace }).changes > 0)
      forget()
      return gone
    },
  }
}

/** OpenWhisk: a limits document that does not parse counts as none. */
function decodeLimits(document: string): UserLimits | undefined {
  try {
    const limits = parseStored(document)
    return isJsonObject(limits) ? (limits as UserLimits) : undefined
  } catch {
    return undefined
  }
}
