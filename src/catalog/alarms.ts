// The entities of /whisk.system/alarms and of the web action behind its feeds; their handlers are in `alarms/`.

import { type CatalogPackage, parameterList } from './catalog-package.ts'

/** What a copy of a feed action runs: it asks the web action, as the catalog's feed actions do. */
const FEED = `const methods = { CREATE: 'POST', READ: 'GET', UPDATE: 'PUT', DELETE: 'DELETE' };

async function main(params) {
  const method = methods[params.lifecycleEvent];
  if (!method) return Promise.reject('unsupported lifecycleEvent');
  const { lifecycleEvent, apihost, ...rest } = params;
  const name = String(params.triggerName).split('/').pop();
  const input = { ...rest, triggerName: '/' + process.env.__OW_NAMESPACE + '/' + name };
  const host = apihost || process.env.__OW_API_HOST;
  const url = new URL('/api/v1/web/whisk.system/alarmsWeb/alarmWebAction', /^https?:/.test(host) ? host : 'https://' + host);
  if (method === 'GET') for (const [key, value] of Object.entries(input)) {
    url.searchParams.set(key, typeof value === 'string' ? value : JSON.stringify(value));
  }
  const response = await fetch(url, method === 'GET' ? {} : {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  const body = await response.json();
  if (response.status === 200) return body;
  console.log('alarm: Error invoking whisk action:', response.status, body);
  return Promise.reject(body);
}
`

const optional = (...names: string[]) => names.map(name => ({ name, required: false }))

export const alarms: CatalogPackage = {
  name: 'alarms',
  publish: true,
  annotations: {
    description: 'Alarms and periodic utility',
    parameters: parameterList(...optional('trigger_payload')),
  },
  parameters: { trigger_payload: '' },
  actions: [
    {
      name: 'alarm',
      native: true,
      source: FEED,
      annotations: {
        description: 'Fire trigger when alarm occurs',
        parameters: parameterList(
          { name: 'cron', required: true },
          ...optional('timezone', 'startDate', 'stopDate', 'strict'),
        ),
        feed: true,
      },
    },
    {
      name: 'once',
      native: true,
      source: FEED,
      annotations: {
        description: 'Fire trigger once when alarm occurs',
        parameters: parameterList({ name: 'date', required: true }, ...optional('deleteAfterFire')),
        feed: true,
      },
      parameters: { fireOnce: true },
    },
    {
      name: 'interval',
      native: true,
      source: FEED,
      annotations: {
        description: 'Fire trigger at specified interval',
        parameters: parameterList({ name: 'minutes', required: true }, ...optional('startDate', 'stopDate')),
        feed: true,
      },
      parameters: { isInterval: true },
    },
  ],
}

export const alarmsWeb: CatalogPackage = {
  name: 'alarmsWeb',
  publish: false,
  annotations: {},
  actions: [
    {
      name: 'alarmWebAction',
      native: true,
      source: `function main() {
  return { statusCode: 501, body: { error: 'This action only works as part of the server.' } };
}
`,
      annotations: {
        description: 'Create/Delete a trigger in alarms provider Database',
        'web-export': true,
        'raw-http': false,
        final: true,
      },
    },
  ],
}
