// Names of container images, by the grammar that Docker and OpenWhisk share.

const DOMAIN_COMPONENT = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?'
/** A registry is told from a path by a dot or a port. */
const DOMAIN = `(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})+(?::\\d+)?|${DOMAIN_COMPONENT}:\\d+)`
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const PATH = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`
const TAG = '\\w[\\w.-]{0,127}'
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}'
const IMAGE = new RegExp(`^((?:${DOMAIN}/)?${PATH})(?::(${TAG}))?(?:@${DIGEST})?$`)

/** The name as it is kept, `[registry/][prefix/]name[:tag]`: a digest is dropped. Undefined when it is no image name. */
export function parseImage(text: string): string | undefined {
  const [, path, tag] = IMAGE.exec(text) ?? []
  if (path === undefined) return undefined
  return tag === undefined ? path : `${path}:${tag}`
}
