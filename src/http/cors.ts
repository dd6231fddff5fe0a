// The CORS headers of the REST API and of what is outside it.

const ALLOW_HEADERS = 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent'

/** On everything that is completed below `/api/v1`, errors included; rejections carry none. */
export const API_CORS: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': ALLOW_HEADERS,
  'Access-Control-Allow-Methods': 'GET, DELETE, POST, PUT, HEAD',
}

/** On the answer to OPTIONS outside `/api/v1`. */
export const SERVER_CORS: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': ALLOW_HEADERS,
  'Access-Control-Allow-Methods': 'OPTIONS, GET, POST',
}
