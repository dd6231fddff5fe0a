import { expect, test } from 'vitest'
import { emptyDocument, withOperation } from '../../src/gateway/document.ts'
import { findResource } from '../../src/gateway/match.ts'
import { serveDocument } from '../../src/gateway/swagger.ts'

const api = (basePath: string, ...paths: string[]) =>
  serveDocument(
    paths.reduce(
      (document, path) =>
        withOperation(document, {
          basePath,
          path,
          verb: 'GET',
          action: 'a',
          namespace: 'guest',
          backendUrl: 'http://h/api/v1/web/_/default/a.http',
          responseType: 'http',
        }),
      emptyDocument(basePath, basePath),
    ),
  )

const found = (apis: ReturnType<typeof api>[], path: string) => {
  const match = findResource(apis, path)
  return match && [match.resource.path, match.rest]
}

test.each([
  ['/base/a', ['/base/a', '']],
  ['/base/a/', ['/base/a', '/']],
  ['/base/a//b', ['/base/a', '//b']],
  ['/base/a/b', ['/base/a/b', '']],
  ['/base/a/b/c', ['/base/a/b', '/c']],
  ['/base/a/b/c/d/e%20f', ['/base/a/b/c/d', '/e%20f']],
  ['/base/a/bb', ['/base/a', '/bb']],
  ['/base/pl%61in-x', ['/base/plain-x', '']],
  ['/base/u/me', ['/base/u/me', '']],
  ['/base/u/you/other', ['/base/u/{user_id}', '/other']],
  ['/base/u/a@b', ['/base/u/{user_id}', '']],
  ['/base/u/', undefined],
  ['/base/u', undefined],
  ['/base/A', undefined],
  ['/base/aa', undefined],
  ['/base', undefined],
  ['/basea/a', undefined],
])('finds the longest resource for %s', (path, expected) => {
  const served = api('/base', '/a', '/a/b', '/a/b/c/d', '/plain-x', '/u/{user_id}', '/u/me')
  expect(found([served], path)).toEqual(expected)
})

test.each([
  ['/hello', ['/hello/', '']],
  ['/hello/', ['/hello/', '']],
  ['/hello/x', ['/hello/', '/x']],
  ['/hellox', undefined],
])('serves everything below a base path by its root: %s', (path, expected) => {
  expect(found([api('/hello', '/')], path)).toEqual(expected)
})

test('serves the root base path', () => {
  expect(found([api('/', '/x')], '/x/y')).toEqual(['/x', '/y'])
})

test('keeps APIs of the same full path apart: the longest base path answers', () => {
  const long = api('/e/v2', '/x')
  const short = api('/e', '/v2/x')
  expect(findResource([short, long], '/e/v2/x')?.api).toBe(long)
  expect(findResource([long, short], '/e/v2/x')?.api).toBe(long)
})
